import assert from 'node:assert/strict'
import { contractCase, withoutStrays } from './contract-case.ts'

const falsyErrors = [undefined, null, 0, '', false]

/** Cases: what becomes of the value or error of a task. */
export const outcomes = [
  contractCase('A task that returns fulfils its future: value, promise or thenable', async (lab) => {
    for (const manner of ['return', 'resolve', 'thenable'] as const) {
      for (const value of [undefined, 0, 'text', { deep: [1] }]) {
        const future = lab.submit(lab.ending(manner, value))
        await lab.done(future)
        assert.equal(future.state, 'fulfilled', `The state of a task that ends like this: ${manner}`)
        assert.deepEqual(future.resultNow(), value, `The value of a task that ends like this: ${manner}`)
      }
    }
  }),

  contractCase('A task that throws, rejects or calls `reject` rejects its future', async (lab) => {
    for (const manner of ['throw', 'reject', 'failing thenable'] as const) {
      const future = lab.submit(lab.ending(manner, new Error('broken')))
      await lab.done(future)
      assert.equal(future.state, 'rejected', `The state of a task that ends like this: ${manner}`)
      const error = future.exceptionNow()
      assert(error instanceof Error && error.message === 'broken', `Its error, got ${String(error)}`)
    }
  }),

  contractCase('A task may fail with anything: undefined, null, 0, an empty string, false', async (lab) => {
    for (const error of falsyErrors) {
      const futures = [lab.submit(lab.ending('throw', error)), lab.submit(lab.ending('reject', error))]
      await lab.done(...futures)
      for (const future of futures) {
        assert.equal(future.state, 'rejected', `The state after failing with ${String(error)}`)
        assert.equal(future.exceptionNow(), error, 'The error is the very value that was thrown')
      }
    }
  }),

  contractCase('A task that fails takes no worker with it', async (lab) => {
    const count = Number.isFinite(lab.executor.maxWorkers) ? 2 * lab.executor.maxWorkers + 1 : 10
    const failing = Array.from({ length: count }, (_, index) =>
      lab.submit(lab.ending(index % 2 === 0 ? 'throw' : 'reject', 'broken')),
    )
    await lab.done(...failing)
    const next = lab.steps(Math.min(count, lab.executor.maxWorkers))
    await lab.started(...next)
    await lab.finish(...next)
    lab.counts({ rejected: count, fulfilled: next.length }, `after ${count} failures`)
  }),

  contractCase('A failure that nobody asks for is no unhandledRejection', async (lab) => {
    await withoutStrays(async () => {
      const futures = [lab.submit(lab.ending('throw', 'broken')), lab.submit(lab.ending('reject', 'broken'))]
      const late = lab.step({}, 'failing')
      await lab.started(late)
      late.future.cancel()
      await lab.done(...futures)
      await lab.until(() => late.hasEnded, 'A task was told, and did not end')
      await lab.quiet()
      assert.equal(late.future.state, 'cancelled', 'A failure that comes after the cancellation changes nothing')
    })
  }),

  contractCase('A task reference that names nothing rejects its future, and only that', async (lab) => {
    const { module } = lab.reference('end')
    const missing = [
      lab.submit({ module, name: 'noSuchExport' }),
      lab.submit({ module: new URL('no-such-module.js', module).href, name: 'end' }),
    ]
    await lab.done(...missing)
    for (const future of missing) assert.equal(future.state, 'rejected', 'The state of a task that does not exist')
    await lab.finish(lab.step())
  }),

  contractCase('1 000 tasks that end at once need no stack', async (lab) => {
    const futures = Array.from({ length: 1_000 }, (_, index) => lab.submit(lab.ending('return', index)))
    await lab.done(...futures)
    assert.equal(
      futures.findIndex((future, index) => future.state !== 'fulfilled' || future.resultNow() !== index),
      -1,
      'The first of 1 000 tasks that has not its own value',
    )
    lab.counts({ fulfilled: 1_000 }, 'after 1 000 tasks')
  }),
]

/** Cases: `stats()` counts futures by state. */
export const counting = [
  contractCase('stats() counts futures by state, in every phase', async (lab) => {
    lab.counts({}, 'of a new executor')
    const { maxWorkers } = lab.executor
    const options = maxWorkers === Infinity ? { group: 'a', maxPerGroup: 1 } : {}
    const workers = maxWorkers === Infinity ? 1 : maxWorkers
    const probes = lab.steps(workers + 4, options)
    lab.counts({ pending: workers + 4 }, 'right after submit()')
    await lab.started(...probes.slice(0, workers))
    lab.counts({ pending: 4, running: workers }, 'when all workers have something to do')
    probes[workers]?.future.cancel()
    lab.counts({ pending: 3, running: workers, cancelled: 1 }, 'after a waiting task was cancelled')
    probes[0]?.future.cancel()
    lab.counts({ pending: 3, running: workers - 1, cancelled: 2 }, 'right after a running task was cancelled')
    for (const probe of probes) probe.open()
    await lab.done(...probes.map((probe) => probe.future))
    lab.counts({ fulfilled: workers + 2, cancelled: 2 }, 'in the end')
  }),

  contractCase('stats() adds up to what was submitted', async (lab) => {
    const total = 60
    const futures = Array.from({ length: total }, (_, index) =>
      index % 3 === 0 ? lab.submit(lab.ending('throw', index)) : lab.submit(lab.ending('resolve', index)),
    )
    const sum = (): number => {
      const { pending, running, fulfilled, rejected, cancelled } = lab.executor.stats()
      return pending + running + fulfilled + rejected + cancelled
    }
    for (const [index, future] of futures.entries()) {
      if (index % 5 === 0) future.cancel()
      assert.equal(sum(), total, 'The sum of the counts')
    }
    await lab.until(() => {
      assert.equal(sum(), total, 'The sum of the counts')
      return futures.every((future) => future.done())
    }, 'A future was not settled')
    lab.counts({ fulfilled: 32, rejected: 16, cancelled: 12 }, 'in the end')
  }),
]
