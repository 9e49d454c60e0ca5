/** Requests that undici's `deduplicate` answers together: what ends one of them is not the others'. */
import * as undici7 from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  CancelledError,
  ChunkedEncodingError,
  ConnectionError,
  FuturesSession,
  ReadTimeoutError,
  ResponseTooLargeError,
  Session,
  TotalTimeoutError,
  type FuturesSessionOptions,
} from '../../src/index.ts'
import { startFaultServer, type FaultServer } from '../helpers/fault-server.ts'
import { gate, until, type Gate } from '../helpers/gate.ts'
import { hasUndici8, undici8 } from '../helpers/undici-8.ts'

type Undici = typeof undici7

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n'

let server: FaultServer
let dispatcher: undici7.Dispatcher
let session: FuturesSession
/** Of the requests that the server gets, in their order; those behind them are answered at once. */
let gates: Gate[]

beforeEach(async () => {
  gates = []
  let count = 0
  server = await startFaultServer(async (peer) => {
    for (let request = await peer.request(); request !== undefined; request = await peer.request()) {
      const held = gates[count++]
      if (held !== undefined && request.includes('/half')) await peer.write(`${head}half`)
      await held?.promise
      await peer.write(`${head}answer ${count}`)
    }
  })
})

afterEach(async () => {
  for (const each of gates) each.open()
  await session[Symbol.asyncDispose]()
  await dispatcher.destroy()
  await server.close()
})

function open(undici: Undici, held: number, options?: FuturesSessionOptions): void {
  const interceptor = undici.interceptors.deduplicate()
  dispatcher = new undici.Agent().compose(interceptor as never)
  gates = Array.from({ length: held }, () => gate())
  session = new FuturesSession({ dispatcher, unobserved: 'ignore', maxWorkers: 20, ...options })
}

const requests = async (count: number): Promise<void> => until(() => server.requests.length === count)

describe('FuturesSession on undici 7 with deduplicate', () => testDeduplicated(() => undici7))
describe.skipIf(!hasUndici8)('FuturesSession on undici 8 with deduplicate', () => testDeduplicated(() => undici8))

function testDeduplicated(undici: () => Undici): void {
  test('answers the others together when the one that was sent is cancelled', async () => {
    open(undici(), 1)
    const [first, ...others] = Array.from({ length: 5 }, () => session.get(server.url))
    await requests(1)
    first!.cancel()
    await expect(first!.result()).rejects.toBeInstanceOf(CancelledError)
    for (const other of others) expect(await other.text()).toBe('answer 2')
    expect(server.requests).toHaveLength(2)
  })

  test('answers the others when one is cancelled after the other', async () => {
    open(undici(), 4)
    const futures = Array.from({ length: 5 }, () => session.get(server.url))
    for (const [index, future] of futures.slice(0, 4).entries()) {
      await requests(index + 1)
      future.cancel()
    }
    expect(await futures[4]!.text()).toBe('answer 5')
  })

  test('cancels one that was not sent itself, and no other', async () => {
    open(undici(), 1)
    const [first, second, third] = Array.from({ length: 3 }, () => session.get(server.url))
    await requests(1)
    second!.cancel()
    gates[0]!.open()
    await expect(second!.result()).rejects.toBeInstanceOf(CancelledError)
    expect([await first!.text(), await third!.text()]).toEqual(['answer 1', 'answer 1'])
  })

  test('answers the others when one is cancelled before it was sent', async () => {
    open(undici(), 0)
    const [first, ...others] = Array.from({ length: 3 }, () => session.get(server.url))
    await until(() => first!.state === 'running')
    first!.cancel()
    for (const other of others) expect(await other.text()).toMatch(/^answer/)
  })

  test.each([
    ['its read timeout', { timeout: { read: 60 } }, ReadTimeoutError],
    ['its total timeout', { timeout: { total: 60 } }, TotalTimeoutError],
  ])('answers the others when one ends by %s', async (_name, options, errorClass) => {
    open(undici(), 1)
    const first = session.get(server.url, options)
    const others = [session.get(server.url), session.get(server.url)]
    await expect(first.result()).rejects.toBeInstanceOf(errorClass)
    for (const other of others) expect(await other.text()).toMatch(/^answer/)
  })

  test('answers the others when one ends by its maxResponseSize, in the middle of the body of all', async () => {
    open(undici(), 1)
    const first = session.get(`${server.url}/half`, { maxResponseSize: 3 })
    const other = session.get(`${server.url}/half`)
    await expect(first.result()).rejects.toBeInstanceOf(ResponseTooLargeError)
    expect(await other.text()).toBe('answer 2')
  })

  test('answers the others from the beginning when one is cancelled in the middle of the body', async () => {
    open(undici(), 1)
    const progress: number[] = []
    const first = session.get(`${server.url}/half`, {
      onDownloadProgress: ({ transferredBytes }) => progress.push(transferredBytes),
    })
    const other = session.get(`${server.url}/half`)
    await until(() => progress.includes(4))
    first.cancel()
    expect(await other.text()).toBe('answer 2')
  })

  test('has an error of its own for one whose body is being read already', async () => {
    open(undici(), 1)
    const first = session.get(`${server.url}/half`, { stream: true })
    const other = session.get(`${server.url}/half`, { stream: true })
    const responses = await Promise.all([first.result(), other.result()])
    const [sent, shared] = responses.map((response) => response.iterContent()[Symbol.asyncIterator]())
    for (const chunks of [sent!, shared!]) expect(Buffer.from((await chunks.next()).value).toString()).toBe('half')
    await sent!.return!()
    const error: unknown = await shared!.next().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ChunkedEncodingError)
    expect((error as Error).message).toMatch(
      /: another request, which it was answered together with, was given up, 4 of 8 bytes are missing$/,
    )
  })

  test('ends all when the session ends', async () => {
    open(undici(), 1)
    const futures = Array.from({ length: 3 }, () => session.get(server.url))
    await requests(1)
    session.cancelAll()
    for (const future of futures) await expect(future.result()).rejects.toBeInstanceOf(CancelledError)
    expect(server.requests).toHaveLength(1)
  })

  test('can be cancelled between both sendings', async () => {
    open(undici(), 1)
    const [first, second] = [session.get(server.url), session.get(server.url)]
    await requests(1)
    first.cancel()
    second.cancel()
    await expect(second.result()).rejects.toBeInstanceOf(CancelledError)
    expect(await session.get(server.url).text()).toMatch(/^answer/)
  })

  test('is the same for a bare Session', async () => {
    open(undici(), 1)
    await using bare = new Session({ dispatcher })
    const stop = new AbortController()
    const first = bare.get(server.url, { signal: stop.signal })
    const other = bare.get(server.url)
    await requests(1)
    stop.abort()
    await expect(first).rejects.toThrow()
    expect((await other).text()).toBe('answer 2')
  })
}

test('A dispatcher that repeats the error of another request for ever is not asked for ever', async () => {
  let error: Error | undefined
  let asked = 0
  dispatcher = {
    dispatch: (_options: object, handler: undici7.Dispatcher.DispatchHandler) => {
      asked++
      const controller = { abort: (reason: Error) => (error = reason), resume: () => {}, pause: () => {} }
      handler.onRequestStart?.(controller as never, {})
      if (error !== undefined) handler.onResponseError?.(controller as never, error)
      return true
    },
    destroy: async () => {},
  } as unknown as undici7.Dispatcher
  session = new FuturesSession({ dispatcher, unobserved: 'ignore' })
  const first = session.get(server.url)
  await until(() => asked === 1)
  first.cancel()
  const other: unknown = await session
    .get(server.url)
    .result()
    .catch((reason: unknown) => reason)
  expect(other).toBeInstanceOf(ConnectionError)
  expect((other as Error).message).toMatch(/another request, .*, was given up$/)
  expect(asked).toBe(3)
})
