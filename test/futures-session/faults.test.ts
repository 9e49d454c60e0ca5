import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FuturesSession, InProcessExecutor, TaskNotCloneableError, WorkerThreadExecutor } from '../../src/index.ts'
import { countResources, expectedOf, hasNoMoreThan, meetAll, type MatrixRow } from '../helpers/fault-matrix.ts'
import { faults, startFaultSite, type FaultSite } from '../helpers/faults.ts'
import { until } from '../helpers/gate.ts'
import { fixture } from '../helpers/thread-executors.ts'
import { liveThreads } from '../helpers/thread-watch.ts'

let site: FaultSite
beforeAll(async () => void (site = await startFaultSite(faults)))
afterAll(async () => site.close())

async function expectRow(row: MatrixRow): Promise<void> {
  const { outcomes, strays } = await meetAll(site, row)
  expect(outcomes).toEqual(Object.fromEntries(faults.map((fault) => [fault.name, expectedOf(fault, row)])))
  expect(strays).toEqual([])
  for (const executor of row.executors) expect(executor.stats()).toMatchObject({ pending: 0, running: 0 })
}

describe.each([
  { stream: false, retries: 0 },
  { stream: false, retries: 2 },
  { stream: true, retries: 0 },
  { stream: true, retries: 2 },
])('FuturesSession in process with stream: $stream and $retries retries', ({ stream, retries }) => {
  test('meets every fault as the contract says, and leaves nothing behind', async () => {
    const before = countResources()
    const executors = Array.from({ length: 8 }, () => new InProcessExecutor({ maxWorkers: 1 }))
    await expectRow({ executors, stream, retries })
    await Promise.all(executors.map((each) => each.shutdown()))
    await until(() => hasNoMoreThan(before))
  }, 60_000)
})

describe('FuturesSession in worker threads', () => {
  let executors: WorkerThreadExecutor[]
  let threads: number
  beforeAll(() => {
    threads = liveThreads()
    executors = Array.from({ length: 4 }, () => new WorkerThreadExecutor({ maxWorkers: 1 }))
  })
  afterAll(async () => {
    await Promise.all(executors.map((each) => each.shutdown()))
    expect(liveThreads()).toBe(threads)
  })

  test.each([0, 2])(
    'meets every fault as the contract says, and leaves nothing behind, with %i retries',
    async (retries) => {
      await expectRow({ executors, stream: false, retries })
      for (const executor of executors) {
        const left = await executor.submit(fixture<string[]>('resource-tasks.mjs', 'activeResources')).result()
        expect(countResources(left)).toEqual({ MessagePort: 1 })
      }
    },
    60_000,
  )

  test('streams nothing: no such body can be cloned', () => {
    const session = new FuturesSession({ executor: executors[0]! })
    expect(() => session.get(site.fineUrl, { stream: true })).toThrow(TaskNotCloneableError)
  })
})
