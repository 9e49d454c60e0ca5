/** Node makes one millisecond of a delay of 2 ** 31 or more: no option may be turned into its opposite by that. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  asCompleted,
  FuturesSession,
  InProcessExecutor,
  Session,
  type Executor,
  type FuturesSessionOptions,
} from '../../src/index.ts'
import { gate, until } from '../helpers/gate.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { closeExecutorsAfterEach, fixture, open } from '../helpers/thread-executors.ts'

const times = [2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]
/** Longer than any timer that was set to one millisecond takes; nothing is wrong if it is not. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30))

let server: TestServer
const late = { answers: gate(), headers: {} as Record<string, string> }
const warnings: Error[] = []
const onWarning = (warning: Error): void => void warnings.push(warning)

closeExecutorsAfterEach()
beforeEach(async () => {
  late.answers = gate()
  late.headers = {}
  warnings.length = 0
  process.on('warning', onWarning)
  server = await startServer((request, response) => {
    for (const [name, value] of Object.entries(late.headers)) response.setHeader(name, value)
    if (request.url === '/busy') response.statusCode = 503
    if (request.url === '/late') void late.answers.promise.then(() => response.end('late'))
    else response.end('ok')
  })
})
afterEach(async () => {
  process.off('warning', onWarning)
  await server.close()
  expect(warnings).toEqual([])
})

const optionsOf = (time: number): FuturesSessionOptions => ({
  timeout: { connect: time, read: time, total: time, queue: time },
  poolOptions: {
    keepAliveTimeout: time,
    keepAliveMaxTimeout: time,
    headersTimeout: time,
    bodyTimeout: time,
    connectTimeout: time,
    autoSelectFamilyAttemptTimeout: time,
    connect: { timeout: time, autoSelectFamilyAttemptTimeout: time },
  },
  retry: { total: 1, maxRetryAfter: time, backoff: { base: time, factor: 1, max: time, jitter: false } },
})

const executors: [string, (time: number) => Executor][] = [
  ['in process', () => new InProcessExecutor()],
  ['in a thread', (time) => open({ threads: 1, startTimeout: time, idleTimeout: time })],
]
const cases = executors.flatMap(([name, make]) => times.map((time) => [name, time, make] as const))

describe.each(cases)('Times of more than a timer can wait, %s, %d', (_, time, makeExecutor) => {
  let session: FuturesSession
  beforeEach(() => void (session = new FuturesSession({ executor: makeExecutor(time), ...optionsOf(time) })))
  afterEach(() => session[Symbol.asyncDispose]().then(() => session.executor.shutdown()))

  it('keep a connection, whatever the server says', async () => {
    const url = server.url.replace('127.0.0.1', 'localhost')
    for (const seconds of [undefined, Math.ceil(time / 1000) + 10, 1e20]) {
      late.headers = seconds === undefined ? {} : { 'Keep-Alive': `timeout=${seconds}` }
      expect((await session.get(url).result()).status).toBe(200)
      await aWhile()
    }
    expect(server.connections).toBe(1)
  })

  it('let a request wait for its answer, and everybody for the request', async () => {
    const future = session.get(`${server.url}/late`)
    const waits = [future.result({ timeout: time }), future.text({ timeout: time })]
    const first = asCompleted([future], { timeout: time }).next()
    await until(() => server.active === 1)
    await aWhile()
    expect(future.state).toBe('running')
    late.answers.open()
    await Promise.all(waits)
    expect(await first).toEqual({ done: false, value: future })
  })

  it.each([{}, { 'Retry-After': String(Math.floor(time / 1000)) }])(
    'are waited for before a retry, with the headers %j',
    async (headers) => {
      late.headers = headers
      const future = session.get(`${server.url}/busy`)
      await until(() => server.seen.length === 1)
      await aWhile()
      expect(future.state).toBe('running')
      expect(server.seen).toHaveLength(1)
      future.cancel()
    },
  )
})

it.each(times)('A bare Session waits %d ms, too', async (time) => {
  await using session = new Session(optionsOf(time))
  const stop = new AbortController()
  const response = session.get(`${server.url}/busy`, { signal: stop.signal })
  await until(() => server.seen.length === 1)
  await aWhile()
  stop.abort()
  await expect(response).rejects.toThrow()
  expect(server.seen).toHaveLength(1)
})

it.each(times)('A thread that may be idle for %d ms stays', async (time) => {
  const executor = open({ threads: 1, idleTimeout: time, startTimeout: time })
  const identify = fixture<number>('result-tasks.mjs', 'whichThread')
  const first = await executor.submit(identify).result()
  await aWhile()
  expect(await executor.submit(identify).result()).toBe(first)
})
