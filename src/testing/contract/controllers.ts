import assert from 'node:assert/strict'
import { FutureController } from '../../future/future-controller.ts'
import { Future } from '../../future/future.ts'
import { contractCase, withoutStrays } from './contract-case.ts'
import type { Lab } from './lab.ts'
import type { Probe } from './board.ts'
import { assertClosed } from './shutdowns.ts'
import { assertOrder } from './starting.ts'

/** The `controller` option: futures that others have made, and may settle. */
export const controllers = [
  contractCase('controller: submit() settles the given one, and returns its future', async (lab) => {
    class OwnFuture extends Future<unknown> {}
    const controller = new FutureController(new OwnFuture())
    const future = lab.submit(lab.ending('return', 'value'), { controller })
    assert.equal(future, controller.future, 'submit() returns the future of the given controller')
    await lab.done(future)
    assert.equal(future.resultNow(), 'value', "The given controller's future gets the task's value")
  }),

  contractCase('controller: its own start, resolve and reject are called', async (lab) => {
    const calls: string[] = []
    class Observed extends FutureController<unknown> {
      override start(): boolean {
        calls.push('start')
        return super.start()
      }
      override resolve(value: unknown): boolean {
        calls.push('resolve')
        return super.resolve(value)
      }
      override reject(error: unknown): boolean {
        calls.push('reject')
        return super.reject(error)
      }
    }
    await lab.done(lab.submit(lab.ending('return', 1), { controller: new Observed() }))
    await lab.done(lab.submit(lab.ending('throw', 1), { controller: new Observed() }))
    assert.deepEqual(calls, ['start', 'resolve', 'start', 'reject'], 'What was called on the given controllers')
  }),

  contractCase('controller: settled before submit() or while it waits, its task never runs', async (lab) => {
    await withoutStrays(async () => {
      const { open, options } = await lab.oneWorker()
      const { running } = lab.executor.stats()
      const made = Array.from({ length: 6 }, () => new FutureController<number>())
      const settle = ([fulfilled, rejected, cancelled]: FutureController<number>[]): void => {
        fulfilled?.resolve(-1)
        rejected?.reject('by somebody else')
        cancelled?.future.cancel()
      }
      settle(made.slice(0, 3))
      const probes = made.map((controller) => lab.step({ ...options, controller }))
      settle(made.slice(3))
      lab.counts({ running, fulfilled: 2, rejected: 2, cancelled: 2 }, 'when others have settled all that waited')
      open()
      const next = lab.step(options)
      await lab.finish(next)
      assert(!probes.some((probe) => probe.hasStarted), 'A task ran whose future was settled already')
    })
  }),

  contractCase('controller: settled by somebody else while its task runs, the executor goes on', async (lab) => {
    await withoutStrays(async () => {
      for (const temper of ['stubborn', 'failing'] as const) {
        const controller = new FutureController<number>()
        const probe = lab.step({ controller }, temper)
        await lab.started(probe)
        controller.resolve(-1)
        await lab.finish(probe)
        await lab.until(() => probe.hasEnded, 'The task did not go on')
        await lab.finish(...lab.steps(3))
        assert.equal(controller.future.resultNow(), -1, 'The first settlement counts')
      }
      lab.counts({ fulfilled: 8 }, 'in the end')
    })
  }),

  contractCase('continuation: a running controller goes to the front of its priority, counted once', async (lab) => {
    const attempts = await firstAttempt(lab)
    lab.counts({ running: 1 }, 'between two attempts: the future is still running')
    const { open, options } = await lab.oneWorker()
    const { running } = lab.executor.stats()
    const [waiting, urgent] = [lab.step(options), lab.step({ ...options, priority: 1 })]
    const next = lab.step({ ...options, controller: attempts })
    lab.counts({ pending: 2, running }, 'while the next attempt waits: it is no new submission')
    open()
    await lab.finish(next, urgent, waiting)
    assertOrder([urgent, next, waiting], 'The next attempt goes to the front of its priority, and no further')
    assert.equal(attempts.future.resultNow(), next.task, 'The value of the second attempt is that of the future')
  }),

  contractCase('continuation: work that waits for its next attempt holds no worker', async (lab) => {
    const attempts = await firstAttempt(lab)
    const count = Number.isFinite(lab.executor.maxWorkers) ? lab.executor.maxWorkers : 10
    const probes = lab.steps(count)
    await lab.started(...probes)
    await lab.finish(...probes)
    attempts.future.cancel()
    lab.counts({ fulfilled: count, cancelled: 1 }, 'when it was cancelled between two attempts')
  }),

  contractCase('continuation: cancelled while it waits, it never runs', async (lab) => {
    const attempts = await firstAttempt(lab)
    const { open, options } = await lab.oneWorker()
    const { running } = lab.executor.stats()
    const next = lab.step({ ...options, controller: attempts })
    assert.equal(next.future.cancel(), true, 'cancel() between two attempts')
    lab.counts({ running: running - 1, cancelled: 1 }, 'after the cancellation')
    open()
    await lab.finish(lab.step(options))
    assert.equal(next.hasStarted, false, 'An attempt ran that was cancelled while it waited')
  }),

  contractCase('continuation: accepted while the executor shuts down, which waits for it', async (lab) => {
    const attempts = await firstAttempt(lab)
    let isOver = false
    const over = lab.executor.shutdown().then(() => void (isOver = true))
    await lab.quiet()
    assert.equal(isOver, false, 'shutdown() resolved while work waited for its next attempt')
    const next = lab.step({ controller: attempts })
    await lab.started(next)
    assert.equal(isOver, false, 'shutdown() resolved while an attempt was at work')
    await lab.finish(next)
    await lab.resolved(over, 'shutdown() does not resolve after the last attempt')
    const late = new FutureController<number>()
    late.start()
    assertClosed(lab, { controller: late })
  }),

  contractCase(
    'continuation: shutdown({ cancelRunning: true }) cancels what waits for its next attempt',
    async (lab) => {
      const attempts = await firstAttempt(lab)
      await lab.resolved(
        lab.executor.shutdown({ cancelRunning: true }),
        'shutdown({ cancelRunning: true }) does not resolve',
      )
      assert.equal(attempts.future.state, 'cancelled', 'The state of work that will have no other attempt')
    },
  ),
]

/** A controller that ignores the first outcome, as one does that wants another attempt. */
class Attempts extends FutureController<number> {
  firstValue: number | undefined

  override resolve(value: number): boolean {
    if (this.firstValue !== undefined) return super.resolve(value)
    this.firstValue = value
    return true
  }
}

/** Work whose first attempt is over while its future is running. */
async function firstAttempt(lab: Lab): Promise<Attempts> {
  const attempts = new Attempts()
  const probe: Probe = lab.step({ controller: attempts, group: 'first attempts' })
  probe.open()
  await lab.until(() => attempts.firstValue !== undefined, 'A first attempt does not end')
  assert.equal(attempts.future.state, 'running', 'The state of a future that its controller did not settle')
  return attempts
}
