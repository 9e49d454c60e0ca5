import fc from '../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { ManualExecutor } from '../../src/testing/manual-executor.ts'
import { ExecutorModel, type ModelLimits, type ModelTask, type Submission } from '../helpers/executor-model.ts'
import { gate, turn, type Gate } from '../helpers/gate.ts'

/** A task as it really is. */
interface Real {
  readonly controller: FutureController<number>
  readonly gate: Gate<number>
  calls: number
  callbacks: number
  told: number
}

/** Model and executor, and all that happens to both. */
class Pair<E extends Executor> {
  readonly model: ExecutorModel
  readonly executor: E
  readonly real: Real[] = []
  readonly started: number[] = []
  #abort = new AbortController()
  #signalled: ModelTask[] = []
  #shutdowns: { isOver: boolean; waits: boolean }[] = []

  constructor(limits: ModelLimits, executor: E) {
    this.model = new ExecutorModel(limits)
    this.executor = executor
  }

  submit(submission: Submission, signal: 'none' | 'shared' | 'aborted'): void {
    const id = this.model.tasks.length
    const each: Real = { controller: new FutureController(), gate: gate<number>(), calls: 0, callbacks: 0, told: 0 }
    const refusal = this.model.submit(submission, signal === 'aborted')
    const options = {
      ...submission,
      controller: each.controller,
      ...(signal !== 'none' && { signal: signal === 'shared' ? this.#abort.signal : AbortSignal.abort() }),
    }
    const submit = (): unknown =>
      this.executor.submit((context) => {
        each.calls++
        this.started.push(id)
        context.onCancel(() => each.told++)
        return each.gate.promise
      }, options)
    if (refusal !== undefined) return expect(submit).toThrow(expect.objectContaining({ name: refusal }))
    expect(submit()).toBe(each.controller.future)
    each.controller.future.addDoneCallback(() => each.callbacks++)
    this.real.push(each)
    if (signal === 'shared') this.#signalled.push(this.model.tasks[id]!)
  }

  cancel(index: number): void {
    const task = this.#pick(this.model.tasks, index)
    if (task === undefined) return
    const isCancelled = this.model.settle(task, 'cancelled') || task.state === 'cancelled'
    expect(this.real[task.id]!.controller.future.cancel()).toBe(isCancelled)
  }

  /** Somebody else settles it. */
  settle(index: number): void {
    const task = this.#pick(this.model.tasks, index)
    if (task === undefined || !this.model.settle(task, 'fulfilled')) return
    this.real[task.id]!.controller.resolve(-1)
  }

  end(index: number, fails: boolean): void {
    const task = this.#pick(this.model.alive, index)
    if (task === undefined) return
    this.model.end(task, fails ? 'rejected' : 'fulfilled')
    if (fails) this.real[task.id]!.gate.fail(new Error('as it should'))
    else this.real[task.id]!.gate.open(task.id)
  }

  abort(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
    for (const task of this.#signalled.splice(0)) this.model.settle(task, 'cancelled')
  }

  shutdown(wait: boolean, cancelPending: boolean, cancelRunning: boolean): void {
    this.model.shutdown({ cancelPending, cancelRunning })
    const shutdown = { isOver: false, waits: wait }
    this.#shutdowns.push(shutdown)
    void this.executor.shutdown({ wait, cancelPending, cancelRunning }).then(() => (shutdown.isOver = true))
  }

  /** At a moment of rest. */
  check(): void {
    const { model, executor, real } = this
    expect(this.started).toEqual(model.started)
    expect(real.map(({ controller }) => controller.future.state)).toEqual(model.tasks.map(({ state }) => state))
    expect(executor.stats()).toEqual(model.stats)
    for (const { isOver, waits } of this.#shutdowns) expect(isOver).toBe(!waits || model.isIdle)
    for (const [id, { controller, calls, callbacks, told }] of real.entries()) {
      expect(calls).toBe(model.started.includes(id) ? 1 : 0)
      expect(callbacks).toBe(controller.future.done() ? 1 : 0)
      expect(told).toBe(calls === 1 && controller.future.cancelled() ? 1 : 0)
    }
  }

  async finish(proceed: () => void): Promise<void> {
    this.shutdown(true, false, false)
    do {
      proceed()
      await turn()
      this.check()
      this.end(0, false)
    } while (!this.model.isIdle)
    await turn()
    this.check()
    expect(this.real.every(({ controller }) => controller.future.done())).toBe(true)
  }

  #pick<T>(list: readonly T[], index: number): T | undefined {
    return list[index % Math.max(1, list.length)]
  }
}

const limits = fc.record({
  maxWorkers: fc.constantFrom(1, 2, 3, Infinity),
  maxPerGroup: fc.constantFrom(undefined, 1, 2),
  maxQueue: fc.constantFrom(undefined, undefined, 1, 3),
})

const submit = fc.record({
  do: fc.constant('submit' as const),
  submission: fc.record({
    priority: fc.integer({ min: -1, max: 1 }),
    group: fc.constantFrom(undefined, 'a', 'b'),
    maxPerGroup: fc.constantFrom(undefined, 1, 2),
  }),
  signal: fc.constantFrom('none' as const, 'none' as const, 'shared' as const, 'aborted' as const),
})
const index = fc.nat(12)
const change = fc.oneof(
  { weight: 8, arbitrary: submit },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'settle' as const), index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const) }) },
)
const end = fc.record({ do: fc.constant('end' as const), index, fails: fc.boolean() })
const shutdown = fc.record({
  do: fc.constant('shutdown' as const),
  wait: fc.boolean(),
  cancelPending: fc.boolean(),
  cancelRunning: fc.boolean(),
})
const rest = fc.record({ do: fc.constant('rest' as const) })
const pause = fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const) })
const run = fc.record({ do: fc.constant('runNext' as const) })

type Given<A> = A extends fc.Arbitrary<infer T> ? T : never
type Step = Given<typeof change> | Given<typeof end> | Given<typeof shutdown> | Given<typeof rest>

function isPause(step: Step | Given<typeof pause>): step is Given<typeof pause> {
  return step.do === 'pause' || step.do === 'resume'
}

/** @returns whether things have to come to rest before the next step */
function perform(pair: Pair<Executor>, step: Step): boolean {
  if (step.do === 'submit') pair.submit(step.submission, step.signal)
  else if (step.do === 'cancel' || step.do === 'settle') pair[step.do](step.index)
  else if (step.do === 'abort') pair.abort()
  else if (step.do === 'shutdown') pair.shutdown(step.wait, step.cancelPending, step.cancelRunning)
  else if (step.do === 'end') pair.end(step.index, step.fails)
  return step.do === 'end' || step.do === 'rest'
}

async function settle(pair: Pair<Executor>, proceed: () => void): Promise<void> {
  proceed()
  await turn()
  pair.check()
}

describe('InProcessExecutor', () => {
  it('does what the model does, step by step', async () => {
    const step = fc.oneof(
      { weight: 12, arbitrary: change },
      { weight: 7, arbitrary: end },
      { weight: 4, arbitrary: rest },
      { weight: 2, arbitrary: pause },
      { weight: 1, arbitrary: shutdown },
    )
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { minLength: 5, maxLength: 40 }), async (given, steps) => {
        const pair = new Pair(given, new InProcessExecutor(given))
        const { model, executor } = pair
        const proceed = (): void => {
          while (model.startNext());
        }
        for (const each of steps) {
          // Which of both is heard of first, an end or what was submitted in the same turn, is no promise.
          if (each.do === 'end') await settle(pair, proceed)
          if (isPause(each)) {
            executor[each.do]()
            model.isPaused = each.do === 'pause' && !model.isClosed
          } else if (!perform(pair, each)) continue
          await settle(pair, proceed)
        }
        await pair.finish(proceed)
      }),
      { numRuns: 300, interruptAfterTimeLimit: 8_000 },
    )
  })
})

describe('ManualExecutor', () => {
  it('does what the model does, step by step, and nothing by itself before shutdown()', async () => {
    const step = fc.oneof(
      { weight: 10, arbitrary: change },
      { weight: 6, arbitrary: end },
      { weight: 6, arbitrary: run },
      { weight: 3, arbitrary: rest },
      { weight: 1, arbitrary: shutdown },
    )
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { minLength: 5, maxLength: 40 }), async (given, steps) => {
        const manual = { maxWorkers: given.maxWorkers, maxPerGroup: given.maxPerGroup }
        const pair = new Pair(manual, new ManualExecutor(manual))
        const { model, executor } = pair
        const proceed = (): void => {
          while (model.isClosed && model.startNext());
        }
        for (const each of steps) {
          if (each.do === 'end') await settle(pair, proceed)
          if (each.do === 'runNext') expect(executor.runNext()).toBe(model.startNext())
          else if (!perform(pair, each)) continue
          await settle(pair, proceed)
        }
        await pair.finish(proceed)
      }),
      { numRuns: 300, interruptAfterTimeLimit: 8_000 },
    )
  })
})
