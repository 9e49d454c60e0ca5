// Options: what requests and sessions can be told, and what not.
import { createReadStream } from 'node:fs'
import { Agent } from 'undici'
import { CookieJar } from 'tough-cookie'
import {
  basic,
  bearer,
  digest,
  FuturesSession,
  Session,
  taskReference,
  type AuthFlow,
  type AuthFunction,
  type Executor,
  type PreparedRequest,
  type RequestOptions,
  type RequestSpec,
  type Response,
  type SessionOptions,
} from '../../src/index.ts'
import { exactly } from './exactly.ts'

const url = 'https://example.com/'
const session = new FuturesSession()
const bytes = new Uint8Array(1)

/** What is said of options is said of variables of these types too; spreading may bring `undefined`. */
export const requests: RequestOptions[] = [
  { params: { a: 1, b: [true, 'x', null], c: undefined } },
  { params: [['a', 1]] },
  { params: 'a=b' },
  { params: new URLSearchParams() },
  { params: null, data: undefined, headers: undefined, timeout: undefined },
  { data: { a: 1, b: ['x'] } },
  { data: [['a', 'b']] },
  { data: 'text' },
  { data: bytes },
  { data: Buffer.from('x') },
  { data: bytes.buffer },
  { data: new Blob([]) },
  { data: new FormData() },
  { data: createReadStream('/dev/null') },
  { data: () => createReadStream('/dev/null') },
  { data: (async function* () { yield 'a'; yield bytes })() }, // prettier-ignore
  { json: { anything: [1] } },
  { json: null },
  { files: { a: 'text', b: bytes, c: ['name.txt', bytes], d: [null, 'x', 'text/plain', { 'X-A': 'b' }] } },
  { files: [['a', ['name.txt', createReadStream('/dev/null')]]], data: { field: 1 } },
  { headers: { 'X-A': 'b', 'X-Count': 1, 'User-Agent': null } },
  { headers: [['X-A', 'b']] },
  { headers: new Headers() },
  { headers: new Map([['X-A', 'b']]) },
  { cookies: { a: 'b' } },
  { auth: ['user', 'password'] },
  { auth: basic('user', 'password') },
  { auth: bearer('token') },
  { auth: digest('user', 'password') },
  { auth: null },
  { auth: (request) => request.headers.set('Authorization', 'x') },
  { auth: async (request) => request },
  { auth: taskReference('file:///auth.js', 'sign') },
  {
    async *auth(request) {
      const response = yield request
      if (response.status === 401) yield request
    },
  },
  { timeout: 5_000 },
  { timeout: null },
  { timeout: { connect: 1, read: null, total: 5, queue: 5 } },
  { allowRedirects: false, maxRedirects: 0 },
  { retry: 3 },
  { retry: { total: 3, status: 1, methods: ['POST'], statusCodes: [500], backoff: { base: 1, jitter: false } } },
  { proxies: { http: 'http://p', 'https://h': null, all: new URL('socks5h://p'), no_proxy: 'localhost' } },
  { verify: false, cert: ['a.pem', 'a.key'] },
  { verify: ['a.pem', Buffer.from('')], cert: { cert: 'a.pem', key: 'a.key', passphrase: 'x' } },
  { stream: true, raiseForStatus: true, maxResponseSize: 5, priority: -1, signal: AbortSignal.timeout(5) },
  { context: { anything: 1 }, onDownloadProgress: ({ percent, totalBytes }) => percent * (totalBytes ?? 0) },
]

export const sessions: SessionOptions[] = [
  { baseUrl: new URL(url), cookies: new CookieJar(), trustEnv: false },
  { cookies: false, poolOptions: { keepAliveTimeout: 1_000, localAddress: '127.0.0.1' } },
  { allowRedirects: undefined },
  { allowRedirects: false, dispatcher: new Agent(), headers: { A: null }, timeout: 5, retry: 1, stream: true },
]

export const specs: RequestSpec[] = [{ url }, { url: new URL(url), method: 'POST', json: 1 }]

/** What `yield` gives needs no type to be written. */
export function auth(isSigned: boolean): void {
  session.auth = async function* (request) {
    exactly<PreparedRequest>()(request)
    const response = yield request
    exactly<Response>()(response)
    if (response.status === 401) yield request
  }
  session.auth = function* (request) {
    exactly<number>()((yield request).status)
    return request
  }
  new Session({
    *auth(request) {
      const response = yield request
      exactly<Response>()(response)
      if (response.ok) return request
      return undefined
    },
  })
  session.get(url, { auth: async function* (request) { exactly<Response>()(yield request) } }) // prettier-ignore
  session.get(url, { async *auth(request): AuthFlow { exactly<Response>()(yield request) } }) // prettier-ignore
  const flow: AuthFunction = function* (request) {
    exactly<Response>()(yield request)
  }
  session.auth = flow
  session.auth = isSigned ? sign : signLater
  session.auth = function (request) {
    if (isSigned) return request.headers.set('Authorization', 'x')
  }
  session.auth = async (request) => {
    if (isSigned) return request
    return undefined
  }

  // @ts-expect-error -- a request, or nothing
  session.auth = () => 5
  // @ts-expect-error -- a promise of a request, or of nothing
  session.get(url, { auth: async () => 'text' })
  // @ts-expect-error -- it gets a request
  session.get(url, { auth: (n: number) => exactly<number>()(n) })
  // @ts-expect-error -- what it yields is sent
  session.get(url, { auth: function* () { yield 5 } }) // prettier-ignore
}

function sign(request: PreparedRequest): void {
  request.headers.set('Authorization', 'x')
}

async function signLater(request: PreparedRequest): Promise<void> {
  sign(await Promise.resolve(request))
}

export function refusedOfRequests(): void {
  // @ts-expect-error -- it is `data`
  session.get(url, { body: 'x' })
  // @ts-expect-error -- it is `allowRedirects`
  session.get(url, { followRedirects: true })
  // @ts-expect-error -- of sessions
  session.get(url, { baseUrl: url })
  // @ts-expect-error -- of sessions
  session.get(url, { maxWorkers: 8 })
  // @ts-expect-error -- milliseconds are a number
  session.get(url, { timeout: '5s' })
  // @ts-expect-error -- misspelled
  session.get(url, { timeout: { conect: 5 } })
  // @ts-expect-error -- two of them
  session.get(url, { auth: ['user'] })
  // @ts-expect-error -- not a string
  session.get(url, { auth: 'user:password' })
  // @ts-expect-error -- an object is no header
  session.get(url, { headers: { a: {} } })
  // @ts-expect-error -- a number is no query
  session.get(url, { params: 5 })
  // @ts-expect-error -- queries are flat
  session.get(url, { params: { a: { b: 1 } } })
  // @ts-expect-error -- a number is no body
  session.post(url, { data: 5 })
  // @ts-expect-error -- forms are flat
  session.post(url, { data: { a: { b: 1 } } })
  // @ts-expect-error -- files have fields
  session.post(url, { files: 'a.txt' })
  // @ts-expect-error -- a jar is a session's
  session.get(url, { cookies: new CookieJar() })
  // @ts-expect-error -- a number or an object
  session.get(url, { retry: true })
  // @ts-expect-error -- misspelled
  session.get(url, { retry: { limit: 3 } })
  // @ts-expect-error -- the signal, not its controller
  session.get(url, { signal: new AbortController() })
  // @ts-expect-error -- by scheme
  session.get(url, { proxies: 'http://p' })
  // @ts-expect-error -- no number
  session.get(url, { verify: 1 })
  // @ts-expect-error -- a URL is needed
  session.get()
  // @ts-expect-error -- the method comes first
  session.request(url)
  // @ts-expect-error -- a spec needs its URL
  session.map([{ method: 'GET' }])
  // @ts-expect-error -- an option nobody knows
  session.map([url], { concurrency: 3 })
}

export function refusedOfSessions(executor: Executor): void {
  // @ts-expect-error -- a number
  new FuturesSession({ maxWorkers: '8' })
  // @ts-expect-error -- misspelled
  new FuturesSession({ maxWorker: 8 })
  // @ts-expect-error -- both are needed
  new FuturesSession({ rateLimit: { limit: 5 } })
  // @ts-expect-error -- one of two
  new FuturesSession({ unobserved: 'throw' })
  // @ts-expect-error -- of requests
  new FuturesSession({ executor, json: {} })
  // @ts-expect-error -- of a FuturesSession
  new Session({ maxWorkers: 8 })
  // @ts-expect-error -- a jar, or false
  new Session({ cookies: true })
  // @ts-expect-error -- headers are set by `set`
  session.headers['X-A'] = 'b'
}
