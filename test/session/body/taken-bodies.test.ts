import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FuturesSession, InvalidOptionError, Session, type RequestOptions } from '../../../src/index.ts'
import { gate, turn, until } from '../../helpers/gate.ts'
import { readBody, startServer, type TestServer } from '../../helpers/server.ts'

type Data = NonNullable<RequestOptions['data']>

let server: TestServer
beforeEach(async () => {
  server = await startServer((request, response) => {
    readBody(request).then(
      (body) => response.end(body),
      () => {},
    )
  })
})
afterEach(() => server.close())

/** What a body comes from, and how somebody else gets hold of it. */
interface Taking {
  make(): Data
  take(data: never): unknown
}

const chunks = ['a', 'b', 'c']
const readAll = async (source: AsyncIterable<unknown>): Promise<void> => {
  for await (const each of source) expect(each).toBeDefined()
}
const web = (): ReadableStream<string> =>
  new ReadableStream({
    start(controller) {
      for (const each of chunks) controller.enqueue(each)
      controller.close()
    },
  })
const file = (): Readable => createReadStream(fileURLToPath(import.meta.url))
const pushed = (): Readable => {
  const stream = new Readable({ read() {} })
  for (const each of [...chunks, null]) stream.push(each)
  return stream
}

const takings: Record<string, Taking> = {
  'a Readable that is read': { make: () => Readable.from(chunks), take: readAll },
  'a Readable that flows': { make: () => Readable.from(chunks), take: (stream: Readable) => stream.resume() },
  'a Readable with a data listener': {
    make: () => Readable.from(chunks),
    take: (stream: Readable) => stream.on('data', () => {}),
  },
  'a Readable that is piped': {
    make: () => Readable.from(chunks),
    take: (stream: Readable) => stream.pipe(new PassThrough()),
  },
  'a Readable that is destroyed': { make: () => Readable.from(chunks), take: (stream: Readable) => stream.destroy() },
  'a file that flows': { make: file, take: (stream: Readable) => stream.resume() },
  'a web stream that is read': { make: web, take: readAll },
  'a web stream that is read in part': {
    make: web,
    async take(stream: ReadableStream) {
      const reader = stream.getReader()
      await reader.read()
      reader.releaseLock()
    },
  },
  'a web stream that is cancelled': { make: web, take: (stream: ReadableStream) => stream.cancel() },
  'a web stream that is locked': { make: web, take: (stream: ReadableStream) => void stream.getReader() },
  'a web stream that is teed': { make: web, take: (stream: ReadableStream) => void stream.tee() },
}

describe.each(Object.entries(takings))('a body that somebody else has: %s', (_, { make, take }) => {
  const refused = { name: 'InvalidOptionError', option: 'data', message: expect.stringMatching(/^Expected `data`/) }

  it('before', async () => {
    await using session = new Session()
    const data = make()
    await take(data as never)
    await turn()
    await expect(session.post(server.url, { data })).rejects.toMatchObject(refused)
    expect(server.seen).toEqual([])
  })

  it('in the turn before', async () => {
    await using session = new Session()
    const data = make()
    void take(data as never)
    await expect(session.post(server.url, { data })).rejects.toMatchObject(refused)
  })

  it.each<[string, RequestOptions]>([
    ['', {}],
    [', with a Content-Length', { headers: { 'Content-Length': '3' } }],
    [', with retries', { retry: { total: 2, methods: ['POST'], backoff: { base: 0 } } }],
  ])('while its request waits%s', async (_title, options) => {
    await using session = new FuturesSession({ maxWorkers: 1, unobserved: 'ignore' })
    const door = gate()
    const first = session.get(server.url, { hooks: { response: () => door.promise } })
    const data = make()
    const future = session.post(server.url, { ...options, data })
    await until(() => server.seen.length === 1)
    await take(data as never)
    await turn()
    door.open()
    await first.result()
    expect(await future.exception()).toMatchObject({ ...refused, request: { method: 'POST' } })
    expect(server.seen).toHaveLength(1)
  })

  it('while its request waits, as a file beside others', async () => {
    await using session = new FuturesSession({ maxWorkers: 1, unobserved: 'ignore' })
    const door = gate()
    session.get(server.url, { hooks: { response: () => door.promise } })
    const [data, other] = [make(), Readable.from(chunks)]
    const future = session.post(server.url, { files: { other, data: data as Readable } })
    await until(() => server.seen.length === 1)
    await take(data as never)
    await turn()
    door.open()
    expect(await future.exception()).toMatchObject({ name: 'InvalidOptionError', option: 'files' })
  })

  it('between preparing and sending', async () => {
    await using session = new Session()
    const data = make()
    const request = session.prepareRequest({ method: 'POST', url: server.url, data })
    await take(data as never)
    await turn()
    await expect(session.send(request)).rejects.toThrow(InvalidOptionError)
    expect(server.seen).toEqual([])
  })
})

describe('a body that somebody else has', () => {
  it.each<[string, () => Data]>([
    ['a Readable', () => Readable.from(chunks)],
    ['a web stream', web],
    ['a generator', () => chunks.values()],
    ['an async generator', () => Readable.from(chunks).iterator() as AsyncIterable<string>],
  ])('%s of two requests is the body of one', async (_, make) => {
    await using session = new FuturesSession({ unobserved: 'ignore' })
    const data = make()
    const futures = [session.post(server.url, { data }), session.post(server.url, { data })]
    const errors = await Promise.all(futures.map((future) => future.exception()))
    expect(errors.filter((error) => error instanceof InvalidOptionError)).toHaveLength(1)
    expect(await futures[errors.indexOf(undefined)]?.text()).toBe('abc')

    expect(await session.post(server.url, { data }).exception()).toBeInstanceOf(InvalidOptionError)
  })

  it('what can be iterated again is the body of any number of requests', async () => {
    await using session = new FuturesSession()
    const data = { [Symbol.iterator]: () => chunks.values() }
    const texts = [session.post(server.url, { data }), session.post(server.url, { data })].map((each) => each.text())
    expect(await Promise.all(texts)).toEqual(['abc', 'abc'])
  })

  it('a chunk that is read while the request waits is missed, not passed over', async () => {
    await using session = new Session()
    const data = pushed()
    const sending = session.post(server.url, { data })
    expect(String(data.read(1))).toBe('a')
    await expect(sending).rejects.toThrow(
      'Expected `data` to be a stream that nobody else reads, got an object (Readable)',
    )
  })

  it('somebody who waits for chunks would take some of them', async () => {
    await using session = new Session()
    const data = new Readable({ read() {} })
    const others = data[Symbol.asyncIterator]()
    const first = others.next()
    await turn()
    const sending = session.post(server.url, { data })
    await expect(sending).rejects.toThrow('Expected `data` to be a stream that nobody else reads')
    data.push('a')
    expect(String((await first).value)).toBe('a')
    await others.return?.()
  })

  it('what was read before it was handed over is no part of it: the rest is sent', async () => {
    await using session = new Session()
    const [started, sniffed] = [pushed(), pushed()]
    started.read(1)
    sniffed.unshift(sniffed.read(1))
    expect((await session.post(server.url, { data: started })).text()).toBe('bc')
    expect((await session.post(server.url, { data: sniffed })).text()).toBe('abc')
  })

  it('one that has failed says why, read or not', async () => {
    await using session = new Session()
    const failed = new Readable({ read() {} }).on('error', () => {})
    failed.destroy(new Error('no more'))
    const stream = new ReadableStream<string>({
      pull: (controller) => controller.error(new Error('no more')),
    })
    await readAll(stream).catch(() => {})
    for (const data of [failed, stream]) await expect(session.post(server.url, { data })).rejects.toThrow('no more')
  })

  it('the request that comes too late leaves the stream to the first one', async () => {
    await using session = new FuturesSession({ unobserved: 'ignore' })
    const data = new Readable({ read() {} })
    const first = session.post(server.url, { data })
    data.push('a')
    await until(() => data.readableDidRead)
    expect(await session.post(server.url, { data }).exception()).toBeInstanceOf(InvalidOptionError)
    data.push('b')
    data.push(null)
    expect(await first.text()).toBe('ab')
  })

  it('a stream that is made for each send is nobody else’s', async () => {
    await using session = new Session()
    expect((await session.post(server.url, { data: () => Readable.from(chunks) })).text()).toBe('abc')
    const taken = Readable.from(chunks)
    await readAll(taken)
    await expect(session.post(server.url, { data: () => taken })).rejects.toThrow(InvalidOptionError)
  })
})
