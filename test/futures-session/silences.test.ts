import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Executor,
  FuturesSession,
  InProcessExecutor,
  type RequestOptions,
  type ResponseFuture,
  TimeoutError,
  WorkerThreadExecutor,
} from '../../src/index.ts'
import { countResources, hasNoMoreThan } from '../helpers/fault-matrix.ts'
import { startFaultServer } from '../helpers/fault-server.ts'
import { faults, startFaultSite, type FaultSite, type Meeting } from '../helpers/faults.ts'
import { turn, until } from '../helpers/gate.ts'
import { straysOf } from '../helpers/strays.ts'
import { fixture } from '../helpers/thread-executors.ts'

/** Where the other side says nothing more: connecting, in each step of proxies and TLS, in headers and in bodies. */
const silences = faults.filter(({ options }) => options?.timeout !== undefined)
const patient = { connect: null, read: null }
const reason = new Error('not wanted any more')

let site: FaultSite
beforeAll(async () => void (site = await startFaultSite([...silences, laterFault()])))
afterAll(async () => site.close())

function laterFault() {
  return faults.find(({ name }) => name === 'service-unavailable')!
}

type Way = (session: FuturesSession, meeting: Meeting, stream: boolean) => Promise<string>

/** What ends the silence is the total timeout: the only one there is. */
const outlast: Way = async (session, meeting, stream) => {
  const { future } = send(session, meeting, { stream, timeout: { ...patient, total: 100 } })
  const error = await failureOf(future)
  const isRight = error instanceof TimeoutError && error.scope === 'total'
  return isRight ? 'ended' : String(error)
}

/** What ends it is the caller, once the other side has been met. */
const cancel: Way = async (session, meeting, stream) => {
  const met = meeting.times
  const { future, stop } = send(session, meeting, { stream, timeout: patient })
  await until(() => (meeting.fault.place === 'black-hole' ? future.running() : meeting.times > met))
  // What it says before it falls silent may arrive.
  await turn()
  await turn()
  if (future.done()) {
    const failure = failureOf(future)
    stop.abort(reason)
    const { name, cause } = (await failure) as Error
    return name === 'AbortError' && cause === reason ? 'ended' : name
  }
  if (!future.cancel(reason) || !future.cancelled()) return `could not be cancelled: ${future.state}`
  const { name, cause } = (await failureOf(future)) as Error
  return name === 'AbortError' && cause === reason ? 'ended' : name
}

interface Sent {
  readonly future: ResponseFuture
  readonly stop: AbortController
}

function send(session: FuturesSession, { method, url, options }: Meeting, more: RequestOptions): Sent {
  const stop = new AbortController()
  const future = session.request(method, url, { ...options, ...more, signal: stop.signal })
  return { future, stop }
}

/** Of the response, or of its body. */
async function failureOf(future: ResponseFuture): Promise<unknown> {
  return future
    .result({ timeout: 10_000 })
    .then(async (response) => response.read())
    .then(
      ({ status }) => new Error(`Expected a failure, got ${status}`),
      (error: unknown) => error,
    )
}

/** Each silence in turn, and after each a request of the same session on the same, only, worker. */
async function endAll(executors: readonly Executor[], way: Way, stream: boolean): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {}
  const waiting = site.meetings.filter(({ fault }) => silences.includes(fault))
  const lanes = executors.map(async (executor) => {
    const session = new FuturesSession({ executor, trustEnv: false, unobserved: 'ignore', retry: 1 })
    const retries: unknown[] = []
    session.on('retry', ({ request }) => retries.push(request.url))
    for (let meeting = waiting.shift(); meeting !== undefined; meeting = waiting.shift()) {
      const outcome = await way(session, meeting, stream)
      const next = await session.get(site.fineUrl).text({ timeout: 10_000 })
      outcomes[meeting.fault.name] = `${outcome}, ${next}`
    }
    expect(retries).toEqual([])
    await session.close()
    expect(executor.stats()).toMatchObject({ pending: 0, running: 0 })
  })
  await Promise.all(lanes)
  await until(() => site.openSockets.length === 0)
  return outcomes
}

async function expectAllEnded(executors: readonly Executor[], way: Way, stream = false): Promise<void> {
  const strays = await straysOf(async () => {
    const outcomes = await endAll(executors, way, stream)
    expect(outcomes).toEqual(Object.fromEntries(silences.map(({ name }) => [name, 'ended, fine'])))
  })
  expect(strays).toEqual([])
}

/** A wait of a minute before the second attempt. @returns its session, and the future once it waits */
async function waitForRetry(executor: Executor, total: number | null) {
  const session = new FuturesSession({ executor, trustEnv: false, unobserved: 'ignore' })
  const meeting = site.meetings.find(({ fault }) => fault === laterFault())!
  const waits = new Promise<void>((resolve) => session.once('retry', () => resolve()))
  const retry = { total: 1, backoff: { base: 60_000, max: 60_000, jitter: false } }
  const { future } = send(session, meeting, { retry, timeout: { total } })
  await Promise.race([waits, future.exception()])
  return { session, future }
}

function describeWaits(executorOf: () => Executor): void {
  test('the wait between two attempts is ended by cancel()', async () => {
    const { session, future } = await waitForRetry(executorOf(), null)
    expect(future.state).toBe('running')
    expect(await session.get(site.fineUrl).text()).toBe('fine')
    expect(future.cancel(reason)).toBe(true)
    expect(await failureOf(future)).toMatchObject({ name: 'AbortError', cause: reason })
    await session.close()
    expect(executorOf().stats()).toMatchObject({ pending: 0, running: 0 })
  })

  test('the wait between two attempts is ended by the total timeout', async () => {
    const { session, future } = await waitForRetry(executorOf(), 500)
    expect(await session.get(site.fineUrl).text()).toBe('fine')
    expect(await failureOf(future)).toMatchObject({ name: 'TotalTimeoutError', scope: 'total' })
    await session.close()
    expect(executorOf().stats()).toMatchObject({ pending: 0, running: 0 })
  })
}

function describeTrickle(executorOf: () => Executor): void {
  test('headers that trickle in without end are ended by the total timeout, not by `read`', async () => {
    const server = await startFaultServer(async (peer) => {
      await peer.request()
      await peer.write('HTTP/1.1 200 OK\r\nX: ')
      while (!peer.socket.destroyed) {
        await peer.write('x')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })
    const session = new FuturesSession({ executor: executorOf(), trustEnv: false, unobserved: 'ignore' })
    const error = await session.get(server.url, { timeout: { read: 400, total: 600 } }).exception()
    expect(error).toMatchObject({ name: 'TotalTimeoutError', scope: 'total' })
    await until(() => server.openSockets.size === 0)
    await session.close()
    await server.close()
  })
}

test('the silences are those of every phase', () => {
  const names = silences.map(({ name }) => name)
  expect(names.length).toBeGreaterThan(20)
  for (const phase of [
    /^silence$/,
    /headers/,
    /body/,
    /redirect/,
    /black-hole|syn/,
    /socks/,
    /proxy/,
    /tls|handshake/,
  ]) {
    expect(names.some((name) => phase.test(name))).toBe(true)
  }
})

describe('FuturesSession in process', () => {
  let executors: InProcessExecutor[]
  let before: Record<string, number>
  beforeAll(() => {
    before = countResources()
    executors = Array.from({ length: 8 }, () => new InProcessExecutor({ maxWorkers: 1 }))
  })
  afterAll(async () => {
    await Promise.all(executors.map((each) => each.shutdown()))
    await until(() => hasNoMoreThan(before))
  })

  test.each([
    ['the total timeout', outlast],
    ['cancel()', cancel],
  ])(
    'every silence is ended by %s, also of a streamed response, and leaves nothing behind',
    async (_name, way) => {
      await expectAllEnded(executors, way)
      await expectAllEnded(executors, way, true)
    },
    60_000,
  )

  describeWaits(() => executors[0]!)
  describeTrickle(() => executors[0]!)
})

describe('FuturesSession in worker threads', () => {
  let executors: WorkerThreadExecutor[]
  beforeAll(() => void (executors = Array.from({ length: 4 }, () => new WorkerThreadExecutor({ maxWorkers: 1 }))))
  afterAll(async () => Promise.all(executors.map((each) => each.shutdown())))

  test.each([
    ['the total timeout', outlast],
    ['cancel()', cancel],
  ])(
    'every silence is ended by %s, and leaves nothing behind',
    async (_name, way) => {
      await expectAllEnded(executors, way)
      for (const executor of executors) {
        const left = await executor.submit(fixture<string[]>('resource-tasks.mjs', 'activeResources')).result()
        expect(countResources(left)).toEqual({ MessagePort: 1 })
      }
    },
    60_000,
  )

  describeWaits(() => executors[0]!)
  describeTrickle(() => executors[0]!)
})
