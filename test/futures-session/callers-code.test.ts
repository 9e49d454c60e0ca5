import { connect } from 'node:net'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ConnectionError,
  digest,
  FuturesSession,
  InvalidOptionError,
  RequestError,
  Session,
  SSLError,
  type FuturesSessionOptions,
  type RequestOptions,
  type Response,
} from '../../src/index.ts'
import type { ConnectionOptions } from '../../src/transport/connection-options.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { readBody, startServer, type TestServer } from '../helpers/server.ts'
import { straysOf } from '../helpers/strays.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'

let server: TestServer
let localhost: string
beforeEach(async () => {
  server = await startServer((request, response) => {
    if (request.url === '/hang') return
    if (request.url === '/503') return void response.writeHead(503).end()
    if (request.url === '/digest' && request.headers.authorization === undefined) {
      return void response.writeHead(401, { 'www-authenticate': 'Digest realm="r", nonce="n"' }).end()
    }
    readBody(request).then(
      () => response.end('answer'),
      () => {},
    )
  })
  localhost = server.url.replace('127.0.0.1', 'localhost')
})
afterEach(() => server.close())

/** Whatever a caller's code may be, however untyped. */
const any = <T>(value: unknown): T => value as T
const boom = new Error('boom')
const throws = (): never => {
  throw boom
}
const rejects = (): Promise<never> => Promise.reject(boom)

/** What a request comes to, and what is heard of elsewhere: of a session of futures, and of one of promises. */
async function outcomesOf(
  path: string,
  makeOptions: () => RequestOptions,
  settings: FuturesSessionOptions = {},
): Promise<unknown[]> {
  const outcomes: unknown[] = []
  const read = async (response: Response): Promise<string> => (await response.read()).text()
  const strays = await straysOf(async () => {
    await using session = new FuturesSession({ unobserved: 'ignore', ...settings })
    const future = session.post(path, makeOptions())
    await future
      .result()
      .then(read)
      .then(
        (text) => outcomes.push(text),
        (error: unknown) => outcomes.push(error),
      )
    await turn()
    await using bare = new Session(settings)
    await bare
      .post(path, makeOptions())
      .then(read)
      .then(
        (text) => outcomes.push(text),
        (error: unknown) => outcomes.push(error),
      )
    await turn()
  })
  expect(strays).toEqual([])
  return outcomes
}

const blobLike = (stream: () => unknown): Blob =>
  any({ [Symbol.toStringTag]: 'Blob', size: 3, type: '', slice() {}, stream })

describe('code of the caller’s that throws or rejects is the failure of its request, and nothing else', () => {
  it.each<[string, () => RequestOptions]>([
    ['data that throws', () => ({ data: throws })],
    ['a generator that throws', () => ({ data: any((function* () { yield 'a'; throw boom })()) })], // prettier-ignore
    ['an async generator that throws', () => ({ data: any((async function* () { yield 'a'; throw boom })()) })], // prettier-ignore
    ['an iterable that throws', () => ({ data: any({ [Symbol.asyncIterator]: throws }) })],
    ['an iterator that throws', () => ({ data: any({ [Symbol.asyncIterator]: () => ({ next: throws }) }) })],
    ['an iterator that rejects', () => ({ data: any({ [Symbol.asyncIterator]: () => ({ next: rejects }) }) })],
    ['a Readable that fails', () => ({ data: new Readable({ read() { this.destroy(boom) } }) })], // prettier-ignore
    ['a web stream that fails', () => ({ data: new ReadableStream({ pull: rejects }) })],
    ['a Blob whose stream throws', () => ({ data: blobLike(throws) })],
    ['a Blob whose stream fails', () => ({ data: blobLike(() => new ReadableStream({ pull: rejects })) })],
    ['a form that throws', () => ({ data: any({ [Symbol.toStringTag]: 'FormData', entries: throws }) })],
    ['a request hook', () => ({ hooks: { request: rejects } })],
    ['a response hook', () => ({ hooks: { response: rejects } })],
    ['an auth function that throws', () => ({ auth: throws })],
    ['an auth function that rejects', () => ({ auth: rejects })],
    ['an auth generator', () => ({ auth: async function* (request) { yield request; throw boom } })], // prettier-ignore
    ['an upload listener that throws', () => ({ data: 'abc', onUploadProgress: throws })],
    ['an upload listener that rejects', () => ({ data: 'abc', onUploadProgress: any(rejects) })],
    ['an upload listener that rejects at the end', () => ({ data: 'abc', onUploadProgress: any(atTheEnd(rejects)) })],
    ['a download listener that throws', () => ({ onDownloadProgress: throws })],
    ['a download listener that rejects', () => ({ onDownloadProgress: any(rejects) })],
    ['a download listener that rejects at the end', () => ({ onDownloadProgress: any(atTheEnd(rejects)) })],
    ['a download listener of a stream', () => ({ stream: true, onDownloadProgress: any(rejects) })],
  ])('%s', async (_, makeOptions) => {
    expect(await outcomesOf(server.url, makeOptions)).toEqual([boom, boom])
  })

  it('a listener that rejects when all is over changes nothing', async () => {
    const late = gate()
    const listening = {
      onUploadProgress: any<() => void>(() => late.promise),
      onDownloadProgress: any<() => void>(() => late.promise),
    }
    const strays = await straysOf(async () => {
      await using session = new FuturesSession()
      expect(await session.post(server.url, { data: 'abc', ...listening }).text()).toBe('answer')
      late.fail(boom)
      await turn()
    })
    expect(strays).toEqual([])
  })

  it('a listener that rejects ends a streamed body that is still coming', async () => {
    const failing = gate()
    const slow = await startServer((_, response) => response.write('some'))
    const strays = await straysOf(async () => {
      await using session = new FuturesSession()
      const response = await session
        .get(slow.url, { stream: true, onDownloadProgress: any(() => failing.promise) })
        .result()
      const reading = response.read()
      failing.fail(boom)
      await expect(reading).rejects.toBe(boom)
      await until(() => slow.openSockets.size === 0)
    })
    await slow.close()
    expect(strays).toEqual([])
  })

  it('it is no reason to try again', async () => {
    const data = (): Readable => new Readable({ read() { this.destroy(boom) } }) // prettier-ignore
    const retry = { total: 3, methods: ['POST'], backoff: { base: 0 } }
    const failing: RequestOptions[] = [
      { data },
      { onDownloadProgress: any(rejects) },
      { onUploadProgress: any(rejects), data: 'abc' },
    ]
    for (const options of failing) {
      expect(await outcomesOf(server.url, () => ({ ...options, retry }))).toEqual([boom, boom])
    }
  })
})

/** Of what is known from the start to be all. */
function atTheEnd(fail: () => Promise<never>): (progress: { percent: number }) => Promise<void> {
  return async ({ percent }) => (percent === 1 ? fail() : undefined)
}

describe('a promise where a value is meant is an InvalidOptionError, and its rejection is not heard of again', () => {
  const names = [
    ...['params', 'data', 'json', 'files', 'headers', 'cookies', 'auth', 'timeout', 'allowRedirects', 'maxRedirects'],
    ...['proxies', 'verify', 'cert', 'hooks', 'stream', 'raiseForStatus', 'onUploadProgress'],
    ...['retry', 'maxResponseSize'],
  ]
  it.each(names)('%s', async (name) => {
    const outcomes = await outcomesOf(server.url, () => any({ [name]: rejects() }))
    expect(outcomes).toMatchObject([{ option: name }, { option: name }])
    for (const each of outcomes) expect(each).toBeInstanceOf(InvalidOptionError)
    expect(server.seen).toEqual([])
  })

  it.each<[string, () => unknown]>([
    ['what an async data function gives', () => ({ data: rejects })],
    ['what an async function throws', () => ({ data: async () => throws() })],
    ['fields', () => ({ data: { a: rejects(), b: rejects() } })],
    ['pairs', () => ({ data: [['a', rejects()], ['b', rejects()]] })], // prettier-ignore
    ['a list', () => ({ data: [rejects(), rejects()] })],
    ['a Map', () => ({ data: new Map([['a', rejects()], ['b', rejects()]]) })], // prettier-ignore
    ['files', () => ({ files: { a: rejects(), b: ['name', rejects()] } })],
    ['headers', () => ({ headers: { a: rejects(), b: rejects() } })],
    ['params', () => ({ params: { a: rejects(), b: [rejects()] } })],
    ['a cookie', () => ({ cookies: { a: rejects() } })],
    ['the stream of a Blob', () => ({ data: blobLike(rejects) })],
    ['the stream of a file', () => ({ files: { a: blobLike(rejects) } })],
    ['a signal', () => ({ signal: rejects() })],
    ['a priority', () => ({ priority: rejects() })],
    ['no option at all', () => ({ nonsense: rejects() })],
    ['beside another mistake', () => ({ nonsense: 1, data: { a: rejects() } })],
  ])('%s', async (_, makeOptions) => {
    for (const each of await outcomesOf(server.url, any(makeOptions))) expect(each).toBeInstanceOf(RequestError)
  })

  it('a URL and a method', async () => {
    const strays = await straysOf(async () => {
      await using session = new FuturesSession({ unobserved: 'ignore' })
      expect(await session.get(any(rejects())).exception()).toMatchObject({ name: 'InvalidURLError' })
      expect(await session.request(any(rejects()), server.url).exception()).toBeInstanceOf(InvalidOptionError)
      expect(() => new Session().prepareRequest(any({ url: server.url, params: { a: rejects() } }))).toThrow(
        RequestError,
      )
      expect(() => new Session({ headers: any(rejects()) })).toThrow(TypeError)
    })
    expect(strays).toEqual([])
  })

  it('one that rejects while its request waits', async () => {
    const strays = await straysOf(async () => {
      await using session = new FuturesSession({ maxWorkers: 1, unobserved: 'ignore' })
      const first = session.get(`${server.url}/hang`)
      const futures = [
        session.post(server.url, { data: any(rejects()) }),
        session.post(server.url, { headers: any(rejects()) }),
      ]
      const cancelled = session.post(server.url, { json: any(rejects()) })
      await turn()
      cancelled.cancel()
      first.cancel()
      for (const each of futures) expect(await each.exception()).toBeInstanceOf(InvalidOptionError)
    })
    expect(strays).toEqual([])
  })

  it('`context` is the caller’s, promise or not', async () => {
    await using session = new FuturesSession()
    const context = Promise.resolve(1)
    expect(session.get(server.url, { context }).request.context).toBe(context)
  })
})

describe('code of the caller’s beside the request', () => {
  const lookup = any<(fn: unknown) => ConnectionOptions>((fn: unknown) => ({ lookup: fn }))

  it.each<[string, ConnectionOptions]>([
    ['a lookup that throws', lookup(throws)],
    ['a lookup that rejects', lookup(rejects)],
    ['a lookup that throws, of a connection alone', { connect: any({ lookup: rejects }) }],
    ['a connector that throws', { connect: throws }],
    ['a connector that rejects', { connect: rejects }],
    ['a connector that gives nothing', { connect: (_, callback) => any<() => void>(callback)() }],
  ])('%s is a ConnectionError', async (_, poolOptions) => {
    const outcomes = await outcomesOf(localhost, () => ({ data: 'abc' }), { poolOptions })
    for (const each of outcomes) expect(each).toBeInstanceOf(ConnectionError)
  })

  it('a lookup and a connector that have answered may reject: the answer counts', async () => {
    const answering: LookupFunction = any(async (_: string, { all }: { all?: boolean }, callback: any) => {
      callback(null, all === true ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4)
      callback(boom)
      throw boom
    })
    const { port } = new URL(server.url)
    const connecting: ConnectionOptions['connect'] = async (_, callback) => {
      const socket = connect(Number(port), '127.0.0.1', () => callback(null, socket))
      throw boom
    }
    expect(await outcomesOf(localhost, () => ({}), { poolOptions: { lookup: answering } })).toEqual([
      'answer',
      'answer',
    ])
    const outcomes = await outcomesOf(localhost, () => ({}), { poolOptions: { connect: connecting } })
    for (const each of outcomes) expect(each).toBeInstanceOf(ConnectionError)
  })

  it.each<[string, () => unknown]>([
    ['throws', throws],
    ['rejects', rejects],
    ['returns an error', () => boom],
  ])('a check of the server’s identity that %s is an SSLError', async (_, checkServerIdentity) => {
    const secure = await startTlsServer()
    const settings = {
      verify: tlsFixture('ca.pem'),
      poolOptions: { connect: any<TlsOptions & { [option: string]: unknown }>({ checkServerIdentity }) },
    }
    const outcomes = await outcomesOf(secure.url, () => ({}), settings)
    await secure.close()
    for (const each of outcomes) expect(each).toBeInstanceOf(SSLError)
  })

  it('a check that finds nothing lets the server in', async () => {
    const secure = await startTlsServer()
    const settings = {
      verify: tlsFixture('ca.pem'),
      poolOptions: { connect: { checkServerIdentity: () => undefined } },
    }
    expect(await outcomesOf(secure.url, () => ({}), settings)).toEqual(['secure', 'secure'])
    await secure.close()
  })

  it.each<[string, () => never | Promise<never>]>([
    ['throws', throws],
    ['rejects', rejects],
  ])('a dispatcher that %s', async (_, dispatch) => {
    const outcomes = await outcomesOf(server.url, () => ({}), { dispatcher: any({ dispatch }) })
    expect(outcomes).toMatchObject([{ cause: boom }, { cause: boom }])
  })

  it('a body that can’t be made again fails the second send only', async () => {
    for (const again of [throws, rejects]) {
      const makeOptions = (): RequestOptions => {
        let count = 0
        return { auth: digest('u', 'p'), data: any(() => (count++ === 0 ? 'abc' : again())) }
      }
      const outcomes = await outcomesOf(`${server.url}/digest`, makeOptions)
      expect(outcomes.map((each) => (each === boom ? throws : rejects))).toEqual([again, again])
    }
  })

  it('what a hook or an auth function rejects with when its request is over, nobody hears', async () => {
    const strays = await straysOf(async () => {
      await using session = new FuturesSession({ maxWorkers: Infinity, unobserved: 'ignore' })
      const door = gate<never>()
      let called = 0
      const late = (): Promise<never> => {
        called++
        return door.promise
      }
      const generator = async function* (): AsyncGenerator<never, undefined, Response> {
        await late()
        return undefined
      }
      const options: RequestOptions[] = [
        { hooks: { request: late } },
        { hooks: { response: late } },
        { hooks: { error: late }, raiseForStatus: true },
        { auth: late },
        { auth: generator },
      ]
      const cancelled = options.map((each) => session.get(`${server.url}/503`, each))
      const timedOut = options.map((each) => session.get(`${server.url}/503`, { ...each, timeout: { total: 500 } }))
      await until(() => called + timedOut.filter((each) => each.done()).length >= 10)
      for (const each of cancelled) each.cancel()
      for (const each of timedOut) expect(await each.exception()).toMatchObject({ scope: 'total' })
      door.fail(boom)
      await turn()
    })
    expect(strays).toEqual([])
  })

  it('a session of the caller’s', async () => {
    const strays = await straysOf(async () => {
      for (const request of [throws, rejects]) {
        const own = { request, close: rejects }
        await using session = new FuturesSession({ session: own, unobserved: 'ignore' })
        expect(await session.get(server.url).exception()).toBe(boom)
      }
      const late = gate<never>()
      await using session = new FuturesSession({ session: { request: () => late.promise }, unobserved: 'ignore' })
      const future = session.get(server.url)
      await until(() => future.running())
      future.cancel()
      late.fail(boom)
    })
    expect(strays).toEqual([])
  })
})
