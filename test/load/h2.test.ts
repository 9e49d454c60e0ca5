/** Very many requests over HTTP/2, every tenth of which meets a fault. `LOAD_REQUESTS` says how many, `LOAD_SEED` which. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InProcessExecutor, WorkerThreadExecutor, type Executor, type RequestOptions } from '../../src/index.ts'
import { Http2Site } from '../helpers/h2/site.ts'
import { until } from '../helpers/gate.ts'
import { countResources, hasNoMoreThan } from '../helpers/fault-matrix.ts'
import { straysOf } from '../helpers/strays.ts'
import { startH2LoadServer, type H2LoadServer } from './h2-server.ts'
import { randomFrom } from './plan.ts'

const requests = Number(process.env['LOAD_REQUESTS'] ?? 1000)
const seed = Number(process.env['LOAD_SEED'] ?? 1)
const workers = 64

interface Kind {
  readonly answer: string
  /** Of a thousand. */
  readonly share: number
  readonly method?: string
  readonly options?: RequestOptions
  readonly error?: string
  readonly status?: number
}

/** Of Node 20, a server that says GOAWAY while streams are reset corrupts its memory, and aborts. There, frames made by hand say it. */
const leaves = !process.version.startsWith('v20.')

const kinds: readonly Kind[] = [
  { answer: 'plain', share: 500 },
  { answer: 'plain', share: 100, method: 'POST', options: { json: { many: ['words'] } } },
  { answer: 'plain', share: 50, options: { stream: true } },
  { answer: 'large', share: 40 },
  { answer: 'large', share: 30, options: { stream: true } },
  { answer: 'late', share: 50 },
  { answer: 'gzip', share: 50 },
  { answer: 'hinted', share: 30 },
  { answer: 'moved', share: 50 },
  { answer: leaves ? 'leaving' : 'plain', share: 10 },
  { answer: 'refusedOnce', share: 20, method: 'POST', options: { data: 'body' } },
  { answer: 'refused', share: 10, error: 'ConnectionError' },
  { answer: 'reset', share: 10, error: 'ConnectionError' },
  { answer: 'reset', share: 10, error: 'ConnectionError', options: { retry: { total: 1, backoff: { base: 1 } } } },
  { answer: 'resetInBody', share: 10, error: 'ChunkedEncodingError' },
  { answer: 'short', share: 10, error: 'ChunkedEncodingError' },
  { answer: 'silent', share: 5, error: 'ReadTimeoutError', options: { timeout: { read: 100 } } },
  { answer: 'missing', share: 10, status: 404 },
  { answer: 'large', share: 5, error: 'ResponseTooLargeError', options: { maxResponseSize: 1000 } },
]

const executors: Record<string, () => Executor> = {
  'in process': () => new InProcessExecutor({ maxWorkers: workers }),
  'in threads': () => new WorkerThreadExecutor({ maxWorkers: workers, threads: 2 }),
}

let server: H2LoadServer
beforeAll(async () => void (server = await startH2LoadServer()))
afterAll(() => server.close())
const site = new Http2Site()
afterEach(() => site.close())

describe.each(Object.keys(executors))(`${requests} requests over HTTP/2 %s, a tenth of them with faults`, (where) => {
  test.each([0, 0.3])('add up and leave nothing, with %d of them cancelled', { timeout: 600_000 }, async (share) => {
    const before = countResources()
    const random = randomFrom(seed)
    const wrong: string[] = []
    const counts = { fulfilled: 0, rejected: 0, cancelled: 0 }
    const executor = executors[where]!()
    const session = site.session({ executor, retry: 0 })
    const specs = Array.from({ length: requests }, (_, index) => {
      let place = random() * 1000
      const kind = kinds.find(({ share: own }) => (place -= own) < 0)!
      const after = random() < share ? Math.floor(random() ** 2 * 60) : undefined
      const { stream, ...options } = kind.options ?? {}
      const isStreamed = stream === true && !executor.isolated
      const url = `${server.url}/${kind.answer}/${where.length}${share}${index}`
      const context = { kind, after, id: url.split('/').at(-1)! }
      return { method: kind.method ?? 'GET', url, ...options, ...(isStreamed && { stream }), context }
    })
    session.on('start', ({ future }) => {
      const { after } = future.request.context as (typeof specs)[number]['context']
      if (after !== undefined) setTimeout(() => future.cancel(), after)
    })
    const strays = await straysOf(async () => {
      for await (const future of session.map(specs, { bufferSize: 200 })) {
        const { kind, after, id } = future.request.context
        try {
          const received = await (await future.result()).read()
          counts.fulfilled++
          if (kind.error !== undefined) wrong.push(`${id}: no ${kind.error}`)
          else if (received.status !== (kind.status ?? 200)) wrong.push(`${id}: ${received.status}`)
          else if (received.json<{ id: string }>().id !== id) wrong.push(`${id}: the answer to ${received.text()}`)
          if (received.httpVersion !== '2') wrong.push(`${id}: over ${received.httpVersion}`)
        } catch (error) {
          const { name, message } = error as Error
          if (future.cancelled()) counts.cancelled++
          else counts.rejected++
          const isWanted = name === kind.error || (after !== undefined && (name === 'AbortError' || future.cancelled()))
          if (!isWanted) wrong.push(`${id} (${kind.answer}): ${name} ${message}`)
        }
      }
      await session.close()
      expect(executor.stats()).toMatchObject({ pending: 0, running: 0 })
      await executor.shutdown()
      await until(() => hasNoMoreThan(before))
    })
    expect({ wrong: wrong.slice(0, 10), strays }).toEqual({ wrong: [], strays: [] })
    expect(counts.fulfilled + counts.rejected + counts.cancelled).toBe(requests)
    if (share > 0) expect(counts.cancelled).toBeGreaterThan(requests / 20)
    else expect(counts.cancelled).toBe(0)
    await until(() => server.openSockets.size === 0)
  })
})
