import type { Future } from '../../future/future.ts'

/** Counts that stand before those of the tasks. */
const header = { starts: 0, alive: 1, peak: 2, gatesOpen: 3 } as const
/** What there is of each task. */
const cell = { order: 0, starts: 1, gateOpen: 2, hasEnded: 3, told: 4 } as const
const headerSize = Object.keys(header).length
const cellCount = Object.keys(cell).length

/** How a task heard of its cancellation: bits. */
export const told = { byCallback: 1, byLateCallback: 2, bySignal: 4, withReason: 8 } as const

/**
 * Where tasks write down what happens to them, and where a check opens their gates: shared memory, because a task may run
 * in another isolate. Tasks are numbered.
 */
export class Board {
  readonly memory: SharedArrayBuffer
  /** Told of each gate that is opened; `null`: all are. */
  onGate: ((task: number | null) => void) | undefined
  readonly #cells: Int32Array

  /** For so many tasks. */
  static make(capacity: number): Board {
    return new Board(new SharedArrayBuffer(4 * (headerSize + cellCount * capacity)))
  }

  /** @param memory of a board that was made before */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
  }

  get capacity(): number {
    return (this.#cells.length - headerSize) / cellCount
  }

  /** How many tasks have begun. */
  get starts(): number {
    return Atomics.load(this.#cells, header.starts)
  }

  /** The most tasks that were at work at once. */
  get peak(): number {
    return Atomics.load(this.#cells, header.peak)
  }

  /** The how manieth task of all it was to begin, from 1; 0: it did not. */
  order(task: number): number {
    return this.#get(task, 'order')
  }

  /** How often it was run. */
  startsOf(task: number): number {
    return this.#get(task, 'starts')
  }

  hasEnded(task: number): boolean {
    return this.#get(task, 'hasEnded') === 1
  }

  /** Bits of `told`. */
  toldOf(task: number): number {
    return this.#get(task, 'told')
  }

  begin(task: number): void {
    const order = Atomics.add(this.#cells, header.starts, 1) + 1
    const alive = Atomics.add(this.#cells, header.alive, 1) + 1
    for (let peak = this.peak; alive > peak; peak = this.peak) {
      Atomics.compareExchange(this.#cells, header.peak, peak, alive)
    }
    this.#set(task, 'order', order)
    Atomics.add(this.#cells, this.#at(task, 'starts'), 1)
  }

  end(task: number): void {
    Atomics.sub(this.#cells, header.alive, 1)
    this.#set(task, 'hasEnded', 1)
  }

  tell(task: number, bit: number): void {
    Atomics.or(this.#cells, this.#at(task, 'told'), bit)
  }

  openGate(task: number): void {
    this.#set(task, 'gateOpen', 1)
    this.onGate?.(task)
  }

  openAllGates(): void {
    Atomics.store(this.#cells, header.gatesOpen, 1)
    this.onGate?.(null)
  }

  /** @returns tasks; `null` stands for all of them */
  openGates(): (number | null)[] {
    if (Atomics.load(this.#cells, header.gatesOpen) === 1) return [null]
    return Array.from({ length: this.capacity }, (_, task) => task).filter((task) => this.isGateOpen(task))
  }

  isGateOpen(task: number): boolean {
    return this.#get(task, 'gateOpen') === 1 || Atomics.load(this.#cells, header.gatesOpen) === 1
  }

  #get(task: number, name: keyof typeof cell): number {
    return Atomics.load(this.#cells, this.#at(task, name))
  }

  #set(task: number, name: keyof typeof cell, value: number): void {
    Atomics.store(this.#cells, this.#at(task, name), value)
  }

  #at(task: number, name: keyof typeof cell): number {
    return headerSize + task * cellCount + cell[name]
  }
}

/** A task that waits at its gate, and its future: what a check sees of them. */
export class Probe {
  readonly task: number
  readonly future: Future<number>
  readonly #board: Board

  constructor(board: Board, task: number, future: Future<number>) {
    this.#board = board
    this.task = task
    this.future = future
  }

  get hasStarted(): boolean {
    return this.order > 0
  }

  /** The how manieth to begin, from 1; 0: it did not. */
  get order(): number {
    return this.#board.order(this.task)
  }

  /** How often it was run. */
  get starts(): number {
    return this.#board.startsOf(this.task)
  }

  get hasEnded(): boolean {
    return this.#board.hasEnded(this.task)
  }

  /** How it heard of its cancellation: bits of `told`. */
  get told(): number {
    return this.#board.toldOf(this.task)
  }

  open(): void {
    this.#board.openGate(this.task)
  }
}
