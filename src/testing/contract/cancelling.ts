import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { CancelledError } from '../../errors.ts'
import type { Future } from '../../future/future.ts'
import { told } from './board.ts'
import { contractCase } from './contract-case.ts'

/** What cancelling does to tasks that wait, run, or are done; by hand and by signal. */
export const cancelling = [
  contractCase('cancel() settles a waiting task at once, and forgets it', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const { running } = lab.executor.stats()
    const probes = lab.steps(10, options)
    lab.counts({ pending: 10, running }, 'with 10 waiting tasks')
    for (const { future } of probes) {
      assert.equal(future.cancel('enough'), true, 'cancel() of a pending future is true')
      assert.equal(future.state, 'cancelled', 'The state right after cancel()')
    }
    lab.counts({ cancelled: 10, running }, 'right after they were cancelled')
    open()
    await lab.finish(lab.step(options))
    const ran = probes.filter((probe) => probe.hasStarted).length
    assert.equal(ran, 0, 'How many tasks ran that were cancelled while they waited')
  }),

  contractCase('cancel() lets go of the task that waited', async (lab) => {
    // Only where the process was started with --expose-gc.
    const gc = (globalThis as { gc?: () => void }).gc
    if (gc === undefined) return
    const { options } = await lab.oneWorker()
    const work = ((): WeakRef<object> => {
      const payload = lab.reference('end', 'return', 'a waiting task')
      lab.executor.submit(payload, options).cancel()
      return new WeakRef(payload)
    })()
    const isGone = (): boolean => {
      gc()
      return work.deref() === undefined
    }
    await lab.until(isGone, 'A task that was cancelled while it waited is still referenced')
  }),

  contractCase('cancel() settles a running task at once, and tells it', async (lab) => {
    const probe = lab.step()
    await lab.started(probe)
    assert.equal(probe.future.cancel('enough'), true, 'cancel() of a running future is true')
    assert.equal(probe.future.state, 'cancelled', 'The state right after cancel()')
    lab.counts({ cancelled: 1 }, 'right after cancel(): it counts futures, not work')
    await lab.until(() => (probe.told & told.byCallback) > 0, 'context.onCancel() did not call back')
    await lab.until(() => (probe.told & told.bySignal) > 0, 'context.signal did not abort with an AbortError')
    assert(probe.told & told.withReason, 'The callback of context.onCancel() is given the reason')
    assert(probe.told & told.byLateCallback, 'context.onCancel() after the cancellation calls back at once')
    await lab.until(() => probe.hasEnded, 'The task was told, and did not end')
    assert.equal(probe.future.state, 'cancelled', 'What the task returns after its cancellation changes nothing')
    lab.counts({ cancelled: 1 }, 'after the cancelled task has ended')
  }),

  contractCase('cancel() of a done future is false, and changes nothing', async (lab) => {
    const futures = [lab.submit(lab.ending('return', 'value')), lab.submit(lab.ending('throw', 'error'))]
    await lab.done(...futures)
    assert.deepEqual(
      futures.map((future) => future.cancel()),
      [false, false],
      'cancel() of a done future',
    )
    lab.counts({ fulfilled: 1, rejected: 1 }, 'after cancel() of done futures')
  }),

  contractCase('signal: aborted before submit(), the future is cancelled and the task never runs', async (lab) => {
    const probe = lab.step({ signal: AbortSignal.abort('too late') })
    assertCancelledBy(probe.future, 'too late')
    lab.counts({ cancelled: 1 }, 'after a submission with an aborted signal')
    await lab.finish(lab.step())
    await lab.quiet()
    assert.equal(probe.hasStarted, false, 'A task ran that was submitted with an aborted signal')
  }),

  contractCase('signal: aborted while the task waits, it never runs', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const abort = new AbortController()
    const probes = lab.steps(3, { ...options, signal: abort.signal })
    const next = lab.step(options)
    abort.abort('stop')
    for (const { future } of probes) assertCancelledBy(future, 'stop')
    open()
    await lab.finish(next)
    assert(!probes.some((probe) => probe.hasStarted), 'A task ran whose signal had aborted while it waited')
  }),

  contractCase('signal: aborted while the task runs, it is told and holds its worker until it stops', async (lab) => {
    const abort = new AbortController()
    const probe = lab.step({ signal: abort.signal })
    const { maxWorkers } = lab.executor
    const rest = Number.isFinite(maxWorkers) ? lab.steps(maxWorkers - 1) : []
    const stubborn = lab.step({ signal: abort.signal }, 'stubborn')
    await lab.started(probe, ...rest)
    abort.abort('stop')
    assertCancelledBy(probe.future, 'stop')
    assertCancelledBy(stubborn.future, 'stop')
    await lab.until(() => probe.hasEnded, 'A task whose signal aborted was not told')
    await lab.finish(lab.step())
  }),

  contractCase('signal: its listener is gone when the futures are done', async (lab) => {
    const abort = new AbortController()
    const { signal } = abort
    const options = { signal }
    const probe = lab.step(options)
    const futures = [lab.submit(lab.ending('throw', 'error'), options), lab.submit(lab.ending('return', 1), options)]
    lab.step(options).future.cancel()
    await lab.finish(probe)
    await lab.done(...futures)
    const isGone = (): boolean => getEventListeners(signal, 'abort').length === 0
    await lab.until(isGone, 'A listener was left on the signal')
    abort.abort()
    assert.equal(probe.future.state, 'fulfilled', 'A signal that aborts after the end changes nothing')
    lab.counts({ fulfilled: 2, rejected: 1, cancelled: 1 }, 'after a signal has aborted too late')
  }),
]

/** @throws {AssertionError} the future was not cancelled, or not for this reason */
export function assertCancelledBy(future: Future<unknown>, reason: unknown): void {
  assert.equal(future.state, 'cancelled', 'The state of a future whose signal has aborted')
  assert.throws(
    () => future.resultNow(),
    (error) => error instanceof CancelledError && error.cause === reason,
    "The CancelledError's cause is the signal's reason",
  )
}
