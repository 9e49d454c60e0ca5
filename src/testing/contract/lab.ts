import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers'
import type { Executor, ExecutorStats, SubmitOptions, Task } from '../../executor/executor.ts'
import type { Future } from '../../future/future.ts'
import { taskReference, type TaskReference } from '../../task-reference.ts'
import { Board, Probe } from './board.ts'
import { BoardServer } from './board-line.ts'
import type { ContractOptions } from './contract-case.ts'
import * as tasks from './testing-tasks.ts'

/** A function, because a CommonJS bundle has no `import.meta.url`. */
const tasksModule = (): URL => new URL('./testing-tasks.js', import.meta.url)

/** The tools of a check: one executor, tasks that it can watch and stop, and waits that end. */
export class Lab {
  readonly executor: Executor
  readonly board: Board
  readonly #futures: Future<unknown>[] = []
  #server: BoardServer | undefined
  #taskCount = 0

  static async open(executor: Executor, { sharesMemory = true }: ContractOptions = {}): Promise<Lab> {
    const lab = new Lab(executor)
    if (!sharesMemory) lab.#server = await BoardServer.open(lab.board)
    return lab
  }

  private constructor(executor: Executor) {
    this.executor = executor
    this.board = Board.make(Number.isFinite(executor.maxWorkers) ? 3 * executor.maxWorkers + 2_000 : 2_000)
  }

  /** How many ms may pass until something happens that should happen soon: a thread may have to start first. */
  get patience(): number {
    return this.executor.isolated ? 15_000 : 2_000
  }

  /** A task that ends by itself, in the form that the executor takes. */
  ending(manner: tasks.Manner, outcome: unknown): Task<unknown> | TaskReference {
    return this.executor.isolated ? this.reference('end', manner, outcome) : () => tasks.end(manner, outcome)
  }

  /** A task of `testing-tasks.ts`, by name. */
  reference(name: string, ...args: unknown[]): TaskReference {
    return taskReference(tasksModule(), name, ...args)
  }

  submit(task: Task<unknown> | TaskReference, options?: SubmitOptions): Future<unknown> {
    const future = this.executor.submit(task, options)
    this.#futures.push(future)
    return future
  }

  /** Submits a task that waits at its gate. */
  step(options?: SubmitOptions<number>, temper: tasks.Temper = 'cooperative'): Probe {
    const task = this.#taskCount++
    assert(task < this.board.capacity, 'The contract itself is at fault: more tasks than its board has room for')
    const place = this.#server?.path ?? this.board.memory
    const work = this.executor.isolated
      ? taskReference<number>(tasksModule(), 'step', place, task, temper)
      : (context: Parameters<Task<number>>[0]) => tasks.step(place, task, temper, context)
    const future = this.executor.submit(work, options)
    this.#futures.push(future)
    return new Probe(this.board, task, future)
  }

  /** Submits so many of them. */
  steps(count: number, options?: SubmitOptions<number>, temper?: tasks.Temper): Probe[] {
    return Array.from({ length: count }, () => this.step(options, temper))
  }

  /**
   * Occupies all workers; `open` frees one of them, and tasks submitted with `options` then run one after the other. A group
   * does the same where there is no limit of workers.
   */
  async oneWorker(): Promise<{ open: () => void; options: { group?: string; maxPerGroup?: number } }> {
    const { maxWorkers } = this.executor
    const options = maxWorkers === Infinity ? { group: 'one at a time', maxPerGroup: 1 } : {}
    const blockers = this.steps(maxWorkers === Infinity ? 1 : maxWorkers, options)
    await this.started(...blockers)
    return { open: () => blockers[0]?.open(), options }
  }

  /** Waits until they run. */
  async started(...probes: Probe[]): Promise<void> {
    // In another process a task may begin before its future is running.
    const isFar = this.#server !== undefined
    const hasStarted = (probe: Probe): boolean => probe.hasStarted && !(isFar && probe.future.pending())
    await this.until(
      () => probes.every(hasStarted),
      () => {
        const missing = probes.filter((probe) => !hasStarted(probe))
        return `Of ${probes.length} tasks that may start, ${missing.length} did not (first: ${missing[0]?.future.state})`
      },
    )
  }

  /** Waits until they are done. */
  async done(...futures: Future<unknown>[]): Promise<void> {
    await this.until(
      () => futures.every((future) => future.done()),
      () => {
        const open = futures.filter((future) => !future.done())
        return `Of ${futures.length} futures that should be settled, ${open.length} are not (first: ${open[0]?.state})`
      },
    )
  }

  /** Opens their gates, and waits until their futures are fulfilled. */
  async finish(...probes: Probe[]): Promise<void> {
    for (const probe of probes) probe.open()
    await this.done(...probes.map((probe) => probe.future))
    for (const { future } of probes) assert.equal(future.state, 'fulfilled', 'The state of a task that has ended')
  }

  /** @throws {AssertionError} the condition does not come true in time */
  async until(condition: () => boolean, problem: string | (() => string)): Promise<void> {
    const end = performance.now() + this.patience
    while (!condition()) {
      if (performance.now() > end) {
        assert.fail(`${typeof problem === 'string' ? problem : problem()}, after ${this.patience} ms`)
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** As `until`, for a promise. */
  async resolved<T>(promise: Promise<T>, problem: string): Promise<T> {
    let isOver = false
    const settle = (): void => void (isOver = true)
    promise.then(settle, settle)
    await this.until(() => isOver, problem)
    return promise
  }

  /** Waits long enough for something to happen that should not. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setTimeout(resolve, this.executor.isolated ? 60 : 5))
  }

  /** @throws {AssertionError} the executor's `stats()` are others */
  counts(expected: Partial<ExecutorStats>, moment: string): void {
    const none = { pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 }
    assert.deepEqual({ ...this.executor.stats() }, { ...none, ...expected }, `stats() ${moment}`)
  }

  /** Ends all tasks and the executor. @throws {AssertionError} it does not end */
  async close(): Promise<void> {
    this.board.openAllGates()
    const over = this.executor.shutdown({ cancelPending: true, cancelRunning: true })
    for (const future of this.#futures) future.cancel()
    try {
      await this.resolved(over, 'shutdown({ cancelPending: true, cancelRunning: true }) does not resolve')
    } finally {
      this.#server?.close()
    }
  }
}
