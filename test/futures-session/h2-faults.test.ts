/** The matrix of faults, met by sessions that speak HTTP/2 where they can: those of HTTP/2 itself, and all others as before. */
import { afterEach, describe, expect, test } from 'vitest'
import { InProcessExecutor, WorkerThreadExecutor, type Executor } from '../../src/index.ts'
import { countResources, expectedOf, hasNoMoreThan, meetAll, type MatrixRow } from '../helpers/fault-matrix.ts'
import { faults, startFaultSite, type Fault, type FaultSite } from '../helpers/faults.ts'
import { h2Faults, startH2FaultSite } from '../helpers/faults/h2-faults.ts'
import { until } from '../helpers/gate.ts'
import { tlsFixture } from '../helpers/tls.ts'
import { fixture } from '../helpers/thread-executors.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function expectRow(site: FaultSite, all: readonly Fault[], row: MatrixRow): Promise<void> {
  const { outcomes, strays } = await meetAll(site, row)
  expect(outcomes).toEqual(Object.fromEntries(all.map((fault) => [fault.name, expectedOf(fault, row)])))
  expect(strays).toEqual([])
  for (const executor of row.executors) expect(executor.stats()).toMatchObject({ pending: 0, running: 0 })
}

async function open(site: Promise<FaultSite>): Promise<FaultSite> {
  const opened = await site
  cleanups.push(() => opened.close())
  return opened
}

function executorsOf(make: () => Executor, count: number): Executor[] {
  const executors = Array.from({ length: count }, make)
  cleanups.push(() => Promise.all(executors.map((each) => each.shutdown())))
  return executors
}

const inProcess = (): Executor[] => executorsOf(() => new InProcessExecutor({ maxWorkers: 1 }), 8)
const inThreads = (): Executor[] => executorsOf(() => new WorkerThreadExecutor({ maxWorkers: 1 }), 4)
const session = { http2: true, verify: tlsFixture('ca.pem') }
const timeout = 60_000

describe('FuturesSession with HTTP/2', () => {
  test.each([
    { stream: false, retries: 0 },
    { stream: false, retries: 2 },
    { stream: true, retries: 0 },
    { stream: true, retries: 2 },
  ])('meets every fault of it: stream: $stream, retries: $retries', { timeout }, async ({ stream, retries }) => {
    const before = countResources()
    const site = await open(startH2FaultSite())
    await expectRow(site, h2Faults, { executors: inProcess(), stream, retries, session })
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    await until(() => hasNoMoreThan(before))
  })

  test('meets every fault of it in worker threads, and leaves nothing there', { timeout }, async () => {
    const site = await open(startH2FaultSite())
    const executors = inThreads()
    await expectRow(site, h2Faults, { executors, stream: false, retries: 0, session })
    for (const executor of executors) {
      const left = await executor.submit(fixture<string[]>('resource-tasks.mjs', 'activeResources')).result()
      expect(countResources(left)).toEqual({ MessagePort: 1 })
    }
  })

  test.each([false, true])('meets every other fault as before: stream: %s', { timeout }, async (stream) => {
    const site = await open(startFaultSite(faults))
    await expectRow(site, faults, { executors: inProcess(), stream, retries: 0, session: { http2: true } })
  })

  test('meets every other fault as before in worker threads', { timeout }, async () => {
    const site = await open(startFaultSite(faults))
    await expectRow(site, faults, { executors: inThreads(), stream: false, retries: 0, session: { http2: true } })
  })
})
