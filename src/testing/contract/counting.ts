import assert from 'node:assert/strict'
import { contractCase } from './contract-case.ts'

/** `stats()`: futures by state. */
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
