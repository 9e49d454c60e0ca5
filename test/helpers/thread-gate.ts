import { until } from './gate.ts'

/** A gate that tasks of `test/fixtures/gate-tasks.mjs` wait at, in whatever thread they run. */
export class ThreadGate {
  readonly memory = new SharedArrayBuffer(8)
  readonly #cells = new Int32Array(this.memory)

  /** How many have come to it. */
  get arrivals(): number {
    return Atomics.load(this.#cells, 0)
  }

  /** Waits until so many have come. */
  arrived(count = 1): Promise<void> {
    return until(() => this.arrivals >= count)
  }

  /** Lets everybody pass, now and later. */
  open(): void {
    Atomics.store(this.#cells, 1, 1)
    Atomics.notify(this.#cells, 1)
  }
}
