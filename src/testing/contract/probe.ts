import type { Future } from '../../future/future.ts'
import type { Board } from './board.ts'

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
