import type { Future } from '../../future/future.ts'

/** The counts of all tasks together; those of each task come after them. */
const header = { starts: 0, alive: 1, peak: 2, gatesOpen: 3 } as const
/** The counts of each task. */
const cell = { order: 0, starts: 1, gateOpen: 2, hasEnded: 3, told: 4 } as const
const headerSize = Object.keys(header).length
const cellCount = Object.keys(cell).length

/** Bits that say how a task heard of its cancellation. */
export const told = { byCallback: 1, byLateCallback: 2, bySignal: 4, withReason: 8 } as const

/**
 * Where tasks report what happens to them, and where a check opens their gates. It is shared memory, because tasks may run in
 * other isolates. Tasks are numbered.
 */
export class Board {
  readonly memory: SharedArrayBuffer
  /** Called with each gate that is opened; `null`: all are. */
  onGate: ((task: number | null) => void) | undefined
  readonly #cells: Int32Array

  /** Makes a board for so many tasks. */
  static make(capacity: number): Board {
    return new Board(new SharedArrayBuffer(4 * (headerSize + cellCount * capacity)))
  }

  /** @param memory that of an existing board */
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

  /** How many tasks were at work at once, at most. */
  get peak(): number {
    return Atomics.load(this.#cells, header.peak)
  }

  /** The task's position in start order, from 1; 0 if it never started. */
  order(task: number): number {
    return this.#get(task, 'order')
  }

  /** How often the task was run. */
  startsOf(task: number): number {
    return this.#get(task, 'starts')
  }

  hasEnded(task: number): boolean {
    return this.#get(task, 'hasEnded') === 1
  }

  /** How the task heard of its cancellation: bits of `told`. */
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

  /** @returns the numbers of tasks; `null` stands for all */
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

/** What a check sees of a task that waits at its gate, and of its future. */
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

  /** Position in start order, from 1; 0 if it never started. */
  get order(): number {
    return this.#board.order(this.task)
  }

  /** How often the task was run. */
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
