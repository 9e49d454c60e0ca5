import assert from 'node:assert/strict'
import { ExecutorClosedError } from '../../errors.ts'
import type { SubmitOptions } from '../../executor/executor.ts'
import { contractCase } from './contract-case.ts'
import type { Lab } from './lab.ts'
import type { Probe } from './board.ts'

/** Cases: `shutdown()` with all its options. */
export const shutdowns = [
  contractCase('shutdown(): submit() throws an ExecutorClosedError from then on', async (lab) => {
    const running = lab.step()
    await lab.started(running)
    const over = lab.executor.shutdown()
    assertClosed(lab)
    lab.counts({ running: 1 }, 'after a refused submission')
    await lab.finish(running)
    await lab.resolved(over, 'shutdown() does not resolve')
    assertClosed(lab)
    lab.counts({ fulfilled: 1 }, 'in the end')
  }),

  contractCase('shutdown() of an executor without work resolves', async (lab) => {
    await lab.resolved(lab.executor.shutdown(), 'shutdown() does not resolve')
    assertClosed(lab)
  }),

  contractCase('shutdown() runs what waits, and resolves when all work is over', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const probes = lab.steps(3, options)
    const failing = lab.submit(lab.ending('throw', 'broken'), options)
    const over = track(lab.executor.shutdown())
    open()
    for (const probe of probes) {
      await lab.started(probe)
      await lab.quiet()
      assert.equal(over.isResolved, false, 'shutdown() resolved while tasks were at work')
      await lab.finish(probe)
    }
    await lab.done(failing)
    lab.board.openAllGates()
    await lab.resolved(over.promise, 'shutdown() does not resolve after the last task')
    assert.equal(failing.state, 'rejected', 'What waited has run')
  }),

  contractCase('shutdown() in the turn that submitted runs what was submitted', async (lab) => {
    const probes = lab.steps(3)
    const over = lab.executor.shutdown()
    await lab.finish(...probes)
    await lab.resolved(over, 'shutdown() does not resolve')
    lab.counts({ fulfilled: 3 }, 'in the end')
  }),

  contractCase('shutdown({ wait: false }) resolves at once, and the work goes on', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const waiting = lab.step(options)
    await lab.resolved(lab.executor.shutdown({ wait: false }), 'shutdown({ wait: false }) does not resolve')
    assertClosed(lab)
    assert.equal(waiting.future.state, 'pending', 'shutdown({ wait: false }) cancels nothing')
    open()
    await lab.finish(waiting)
  }),

  contractCase('shutdown({ cancelPending: true }) cancels what waits; what runs goes on', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const { running } = lab.executor.stats()
    const probes = lab.steps(3, options)
    const over = track(lab.executor.shutdown({ cancelPending: true }))
    await cancelled(lab, probes)
    lab.counts({ running, cancelled: 3 }, 'after what waited was cancelled')
    await lab.quiet()
    assert.equal(over.isResolved, false, 'shutdown() resolved while tasks were at work')
    open()
    lab.board.openAllGates()
    await lab.resolved(over.promise, 'shutdown() does not resolve after the last task')
    lab.counts({ fulfilled: running, cancelled: 3 }, 'in the end')
    assert(!probes.some((probe) => probe.hasStarted), 'A task ran that shutdown() had cancelled')
  }),

  contractCase('shutdown({ cancelPending: true }) in the turn that submitted runs nothing', async (lab) => {
    const probes = lab.steps(3)
    const over = lab.executor.shutdown({ cancelPending: true })
    await cancelled(lab, probes)
    lab.counts({ cancelled: 3 }, 'after what waited was cancelled')
    await lab.resolved(over, 'shutdown() does not resolve')
    await lab.quiet()
    assert(!probes.some((probe) => probe.hasStarted), 'A task ran that shutdown() had cancelled')
  }),

  contractCase('shutdown({ cancelRunning: true }) tells what runs, and waits until it has stopped', async (lab) => {
    const { maxWorkers } = lab.executor
    const probes = lab.steps(Number.isFinite(maxWorkers) ? maxWorkers : 3, {}, 'stubborn')
    await lab.started(...probes)
    const over = track(lab.executor.shutdown({ cancelRunning: true }))
    await cancelled(lab, probes)
    await lab.until(() => probes.every((probe) => probe.told > 0), 'What runs was not told')
    await lab.quiet()
    assert.equal(over.isResolved, false, 'shutdown() resolved while cancelled tasks were at work')
    lab.board.openAllGates()
    await lab.resolved(over.promise, 'shutdown() does not resolve when all have stopped')
  }),

  contractCase('shutdown({ cancelRunning: true }) runs what waits', async (lab) => {
    const { options } = await lab.oneWorker()
    const { running } = lab.executor.stats()
    const waiting = lab.step(options)
    const over = lab.executor.shutdown({ cancelRunning: true })
    await lab.finish(waiting)
    await lab.resolved(over, 'shutdown() does not resolve')
    lab.counts({ fulfilled: 1, cancelled: running }, 'in the end')
  }),

  contractCase('shutdown() waits for work whose future was cancelled or settled before', async (lab) => {
    const probe = lab.step({}, 'stubborn')
    await lab.started(probe)
    probe.future.cancel()
    const over = track(lab.executor.shutdown())
    await lab.quiet()
    assert.equal(over.isResolved, false, 'shutdown() resolved while a cancelled task was at work')
    probe.open()
    await lab.resolved(over.promise, 'shutdown() does not resolve when it has stopped')
  }),

  contractCase('shutdown() again is no error, and resolves when the work is over, too', async (lab) => {
    const probe = lab.step()
    await lab.started(probe)
    const calls = [lab.executor.shutdown(), lab.executor.shutdown(), lab.executor[Symbol.asyncDispose]()].map(track)
    await lab.quiet()
    assert(!calls.some((call) => call.isResolved), 'shutdown() resolved while a task was at work')
    await lab.finish(probe)
    for (const { promise } of calls) await lab.resolved(promise, 'One of several shutdown() calls does not resolve')
    await lab.resolved(lab.executor.shutdown(), 'shutdown() after the end does not resolve')
  }),

  contractCase('shutdown() again may add cancelPending and cancelRunning', async (lab) => {
    const { options } = await lab.oneWorker()
    const { running } = lab.executor.stats()
    const waiting = lab.steps(3, options)
    const over = lab.executor.shutdown()
    lab.counts({ pending: 3, running }, 'after shutdown()')
    void lab.executor.shutdown({ wait: false, cancelPending: true })
    await cancelled(lab, waiting)
    lab.counts({ cancelled: 3, running }, 'after shutdown({ cancelPending: true })')
    void lab.executor.shutdown({ wait: false, cancelRunning: true })
    await lab.resolved(over, 'The first shutdown() does not resolve')
    lab.counts({ cancelled: 3 + running }, 'after shutdown({ cancelRunning: true })')
    assert(!waiting.some((probe) => probe.hasStarted), 'A task ran that shutdown() had cancelled')
  }),

  contractCase('shutdown() leaves no future open', async (lab) => {
    const { options } = await lab.oneWorker()
    const futures = [...lab.steps(20, options), ...lab.steps(20)].map((probe) => probe.future)
    lab.board.openAllGates()
    const over = lab.executor.shutdown({ cancelPending: true, cancelRunning: true })
    await lab.resolved(over, 'shutdown({ cancelPending: true, cancelRunning: true }) does not resolve')
    assert.equal(futures.filter((future) => !future.done()).length, 0, 'Futures that are open after shutdown()')
  }),

  contractCase('[Symbol.asyncDispose]() runs the queue', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const probes = lab.steps(3, options)
    const over = track(lab.executor[Symbol.asyncDispose]())
    assertClosed(lab)
    await lab.quiet()
    assert.equal(over.isResolved, false, '[Symbol.asyncDispose]() resolved while tasks waited')
    open()
    await lab.finish(...probes)
    lab.board.openAllGates()
    await lab.resolved(over.promise, '[Symbol.asyncDispose]() does not resolve')
  }),
]

/** @throws {AssertionError} the executor accepts a task */
export function assertClosed(lab: Lab, options?: SubmitOptions<number>): void {
  assert.throws(
    () => lab.step(options),
    (error) => error instanceof ExecutorClosedError,
    'submit() after shutdown() throws an ExecutorClosedError',
  )
}

/** @throws {AssertionError} a future is not cancelled */
async function cancelled(lab: Lab, probes: Probe[]): Promise<void> {
  await lab.done(...probes.map((probe) => probe.future))
  for (const { future } of probes) assert.equal(future.state, 'cancelled', 'The state of what shutdown() cancels')
}

function track(promise: Promise<void>): { readonly promise: Promise<void>; isResolved: boolean } {
  const call = { promise, isResolved: false }
  void promise.then(() => (call.isResolved = true))
  return call
}
