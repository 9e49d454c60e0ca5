import assert from 'node:assert/strict'
import { FutureController } from '../../future/future-controller.ts'
import { contractCase } from './contract-case.ts'

/** Cases: how many tasks are alive at once. */
export const limits = [
  contractCase('maxWorkers: so many tasks run at once, and never one more', async (lab) => {
    const { maxWorkers } = lab.executor
    const isLimited = Number.isFinite(maxWorkers)
    const probes = lab.steps(isLimited ? 2 * maxWorkers + 3 : 50)
    const first = probes.slice(0, maxWorkers)
    await lab.started(...first)
    await lab.quiet()
    assert.equal(lab.board.starts, first.length, `Tasks that run when ${probes.length} were submitted`)
    for (const probe of probes) {
      await lab.started(probe)
      await lab.finish(probe)
    }
    if (isLimited) assert.equal(lab.board.peak, maxWorkers, 'The most tasks that were alive at once')
  }),

  contractCase('maxWorkers: cancelled work holds its worker until it has stopped', async (lab) => {
    const { maxWorkers } = lab.executor
    if (!Number.isFinite(maxWorkers)) return
    const stubborn = lab.steps(maxWorkers, {}, 'stubborn')
    await lab.started(...stubborn)
    for (const probe of stubborn) {
      probe.future.cancel()
      assert.equal(probe.future.state, 'cancelled', 'Cancelling settles a running future at once')
    }
    const next = lab.step()
    await lab.quiet()
    assert.equal(next.hasStarted, false, 'A worker was given away while its cancelled task was still at work')
    stubborn[0]?.open()
    await lab.started(next)
    assert.equal(lab.board.peak, maxWorkers, 'The most tasks that were alive at once')
    await lab.finish(next)
  }),

  contractCase('maxWorkers: work holds its worker when somebody else has settled its future', async (lab) => {
    const { maxWorkers } = lab.executor
    if (!Number.isFinite(maxWorkers)) return
    const controllers = Array.from({ length: maxWorkers }, () => new FutureController<number>())
    const probes = controllers.map((controller) => lab.step({ controller }, 'stubborn'))
    await lab.started(...probes)
    for (const controller of controllers) controller.resolve(-1)
    const next = lab.step()
    await lab.quiet()
    assert.equal(next.hasStarted, false, 'A worker was given away while its task was still at work')
    probes[0]?.open()
    await lab.finish(next)
    assert.equal(probes[0]?.future.resultNow(), -1, 'The first settlement counts')
  }),

  contractCase('maxWorkers: a task that is cancelled while it waits uses up no worker', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const cancelled = lab.steps(20, options)
    const next = lab.step(options)
    for (const probe of cancelled) probe.future.cancel()
    open()
    await lab.started(next)
    assert.equal(
      cancelled.some((probe) => probe.hasStarted),
      false,
      'A task ran that was cancelled while it waited',
    )
    await lab.finish(next)
  }),

  contractCase('maxPerGroup: so many tasks of a group run at once, and never one more', async (lab) => {
    const limit = lab.executor.maxWorkers > 2 ? 2 : 1
    const probes = lab.steps(5, { group: 'a', maxPerGroup: limit })
    await lab.started(...probes.slice(0, limit))
    await lab.quiet()
    assert.equal(lab.board.starts, limit, `Tasks of a group that run with \`maxPerGroup: ${limit}\``)
    for (const probe of probes) {
      await lab.started(probe)
      await lab.finish(probe)
    }
    assert.equal(lab.board.peak, limit, 'The most tasks of the group that were alive at once')
  }),

  contractCase('maxPerGroup: a group at its limit holds up nobody else', async (lab) => {
    if (lab.executor.maxWorkers < 2) return
    const full = lab.steps(3, { group: 'a', maxPerGroup: 1, priority: 1 })
    const others = [lab.step({ group: 'b', maxPerGroup: 1 }), lab.step()]
    for (const other of others) {
      await lab.started(other)
      await lab.finish(other)
    }
    assert.equal(full[1]?.hasStarted, false, 'A second task of a group runs with `maxPerGroup: 1`')
    await lab.finish(...full)
  }),

  contractCase('maxPerGroup: cancelled work counts until it has stopped', async (lab) => {
    const stubborn = lab.step({ group: 'a', maxPerGroup: 1 }, 'stubborn')
    const next = lab.step({ group: 'a', maxPerGroup: 1 })
    await lab.started(stubborn)
    stubborn.future.cancel()
    await lab.quiet()
    assert.equal(next.hasStarted, false, 'A place in the group was given away while its cancelled task was at work')
    stubborn.open()
    await lab.started(next)
    await lab.finish(next)
  }),

  contractCase('maxPerGroup: a task that is cancelled while it waits uses up no place', async (lab) => {
    const options = { group: 'a', maxPerGroup: 1 }
    const running = lab.step(options)
    await lab.started(running)
    const [cancelled, next] = [lab.step(options), lab.step(options)]
    cancelled.future.cancel()
    await lab.finish(running)
    await lab.started(next)
    assert.equal(cancelled.hasStarted, false, 'A task ran that was cancelled while it waited')
    await lab.finish(next)
  }),
]
