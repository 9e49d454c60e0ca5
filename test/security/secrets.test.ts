/** SECURITY.md, "Secrets in output": nothing of ours that is printed, thrown, told or written as JSON shows a secret. */
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { basic, bearer, digest, FuturesSession, PreparedRequest, Response, Session } from '../../src/index.ts'
import type { RequestOptions, SessionOptions } from '../../src/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { userAgent } from '../../src/session/user-agent.ts'
import { always, startFaultServer } from '../helpers/fault-server.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { gate } from '../helpers/gate.ts'

const secret = 's3cret'
const encoded = [`user:${secret}`, `u:${secret}`].map((text) => Buffer.from(text).toString('base64'))
/** Nobody is there. */
const nowhere = 'http://127.0.0.1:1/'

const secrets = {
  headers: { Authorization: `Bearer ${secret}`, Cookie: `a=${secret}`, 'X-Api-Key': secret, 'X-Auth-Token': secret },
  auth: ['user', secret] as const,
  proxies: { https: `http://user:${secret}@127.0.0.1:1` },
}

let server: TestServer
let session: Session
let futures: FuturesSession

beforeEach(async () => {
  server = await startServer((request, response) => {
    response.setHeader('Set-Cookie', `sid=${secret}`)
    response.setHeader('Location', `http://user:${secret}@127.0.0.1/`)
    response.statusCode = request.url === '/404' ? 404 : 200
    response.end('no JSON')
  })
  session = new Session({ trustEnv: false, ...secrets })
  futures = new FuturesSession({ session, unobserved: 'warn' })
})
afterEach(async () => {
  await futures.close()
  await session.close()
  await server.close()
})

/** Everything that printing, deeply, and JSON show of a value, without the lines of this file in stacks. */
function shown(value: unknown): string {
  const texts = [2, Infinity].flatMap((depth) =>
    [false, true].map((showHidden) => inspect(value, { depth, showHidden })),
  )
  const json = JSON.stringify(value) as string | undefined
  return [...texts, String(value), json].join('\n')
}

function expectNoSecret(value: unknown): void {
  const text = shown(value)
  for (const each of [secret, ...encoded]) expect(text).not.toContain(each)
}

async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error)
}

describe('No secret is shown by', () => {
  it('sessions and what belongs to them', () => {
    for (const value of [session, futures, session.headers, session.hooks, futures.executor, futures.stats()]) {
      expectNoSecret(value)
    }
    for (const auth of [basic('user', secret), bearer(secret), digest('user', secret)]) expectNoSecret(auth)
    expect(shown(session.headers)).toMatch(/Authorization: '\*\*\*'/)
  })

  it('a prepared request: its URL, its headers, its body', () => {
    const url = `http://user:${secret}@h.test/`
    const request = session.prepareRequest({ method: 'POST', url, cookies: { a: secret }, data: { password: secret } })
    expectNoSecret(request)
    expectNoSecret(request.copy())
    expect(request.body).toBe(`password=${secret}`)
    expectNoSecret(new PreparedRequest({ url, body: secret, headers: { 'Proxy-Authorization': secret } }))
  })

  it('a response: its URL, its headers, its request', async () => {
    const response = await session.post(server.url.replace('//', `//user:${secret}@`), { data: { password: secret } })
    expectNoSecret(response)
    expect(response.headers.get('set-cookie')).toBe(`sid=${secret}`)
    expectNoSecret(new Response({ url: `http://user:${secret}@h.test/`, headers: [['Location', `//u:${secret}@h/`]] }))
  })

  it('a future, in each of its states, and the events of its session but for what you asked for', async () => {
    const events: object[] = []
    for (const name of ['submit', 'start', 'response', 'failure', 'cancel'] as const) {
      futures.on(name, ({ request: _, ...told }) => events.push({ name, ...told }))
    }
    const url = nowhere.replace('//', `//user:${secret}@`)
    const all = [futures.get(server.url, secrets), futures.get(url, secrets), futures.get(server.url, secrets)]
    all.forEach(expectNoSecret)
    all[2]?.cancel('no more')
    await Promise.all(all.map((each) => outcomeOf(each.result())))

    expect(all.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'cancelled'])
    all.forEach(expectNoSecret)
    expect(new Set(events.map((each) => (each as { name: string }).name)).size).toBe(5)
    events.forEach(expectNoSecret)
  })

  it('the warning of a failure that nobody asks for', async () => {
    const warned = gate<Error>()
    process.once('warning', warned.open)
    const own = new FuturesSession({ trustEnv: false })
    own.get(nowhere.replace('//', `//user:${secret}@`), secrets)
    await own.close()

    const warning = await warned.promise
    expect(warning.message).toContain('127.0.0.1:1')
    expectNoSecret(warning)
  })

  it('what is published for tracing', async () => {
    const published: unknown[] = []
    const { start, end, asyncStart, asyncEnd, error } = tracingChannel('undici-futures:request')
    const channels = [start, end, asyncStart, asyncEnd, error]
    const note = (message: unknown): number => published.push({ ...(message as object) })
    for (const { name } of channels) subscribe(name, note)
    const target = (url: string): string => url.replace('//', `//user:${secret}@`)
    await outcomeOf(futures.get(target(nowhere), secrets).result())
    await outcomeOf(futures.get(target(`${server.url}/`), secrets).result())
    for (const { name } of channels) unsubscribe(name, note)

    expect(published.length).toBeGreaterThan(6)
    published.forEach(expectNoSecret)
  })
})

describe('No secret is in an error of', () => {
  const requests: [string, string, RequestOptions | Record<string, unknown>][] = [
    ['a status', '/404', { ...secrets, raiseForStatus: true }],
    ['a connection', nowhere, secrets],
    ['a proxy', nowhere, { proxies: { all: `http://user:${secret}@127.0.0.1:1` } }],
    ['a SOCKS proxy', nowhere, { proxies: { all: `socks5://user:${secret}@127.0.0.1:1` } }],
    ['a URL without a host', `http://user:${secret}@`, {}],
    ['a URL with a bad port', `http://user:${secret}@h:99999/`, {}],
    ['a URL without a scheme', `user:${secret}@h`, {}],
    ['a URL with blanks in the password', `http://user:a b${secret}@h:x/`, {}],
    ['a URL with a slash in the password', `http://user:a/${secret}@h/`, {}],
    ['a URL of another scheme', `ftp://user:${secret}@h/`, {}],
    ['a proxy URL without a host', nowhere, { proxies: { http: `http://user:${secret}@` } }],
    ['a proxy URL with a bad port', nowhere, { proxies: { http: `http://user:${secret}@h:99999` } }],
    ['a proxy URL of another scheme', nowhere, { proxies: { http: `ftp://user:${secret}@h` } }],
    ['proxies that are a URL', nowhere, { proxies: `http://user:${secret}@h` }],
    ['an Authorization with a line break', nowhere, { headers: { Authorization: `${secret}\r\n` } }],
    ['a header name that is a whole line', nowhere, { headers: { [`Authorization: Bearer ${secret}`]: '' } }],
    ['headers that are a line', nowhere, { headers: `Authorization: Bearer ${secret}` }],
    ['headers that are lines', nowhere, { headers: [`Authorization: Bearer ${secret}`] }],
    ['a bearer token with a line break', nowhere, { headers: { Authorization: null }, auth: bearer(`${secret}\n`) }],
    ['a user that no header can hold', nowhere, { headers: { Authorization: null }, auth: digest('u\n', secret) }],
    ['a cookie with a line break', nowhere, { headers: { Cookie: null }, cookies: { a: `${secret}\n` } }],
    ['a cookie name with a value', nowhere, { headers: { Cookie: null }, cookies: { [`a=${secret}`]: '' } }],
    ['cookies that are a header', nowhere, { cookies: `a=${secret}` }],
    ['auth that is a text', nowhere, { auth: `user:${secret}` }],
    ['auth of three', nowhere, { auth: ['user', secret, secret] }],
    ['a certificate that is not there', 'https://h/', { cert: { cert: '/x', key: secret, passphrase: secret } }],
    ['a part of a file', nowhere, { files: { f: ['n', 'c', 't', { 'X-Token': `${secret}\n` }] } }],
    ['a form', nowhere, { data: { password: Symbol(secret) } }],
    ['an unknown option', nowhere, { password: secret }],
  ]

  it.each(requests)('%s', async (_what, url, options) => {
    const target = url.startsWith('/') ? server.url + url : url
    const error = await outcomeOf(session.get(target, options))
    expect(error).toBeInstanceOf(Error)
    expectNoSecret(error)
    const again = await outcomeOf(futures.get(target, options).result())
    expectNoSecret(again)
  })

  it('a session that is set up', () => {
    const wrong: [keyof SessionOptions, unknown][] = [
      ['headers', `Authorization: ${secret}`],
      ['cookies', `sid=${secret}`],
      ['baseUrl', `ftp://user:${secret}@h`],
      ['baseUrl', `http://user:${secret}@h/?query`],
      ['auth', `user:${secret}`],
      ['proxies', `http://user:${secret}@h`],
    ]
    for (const [name, value] of wrong) {
      let thrown: unknown
      try {
        new Session({ [name]: value })
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(Error)
      expectNoSecret(thrown)
    }
    expect(() => userAgent(`http://user:${secret}@h/`, '1')).toThrow(/^(?!.*s3cret)/)
  })

  it('a pool, a list of jobs and map()', async () => {
    const url = `http://user:${secret}@127.0.0.1:1/`
    for (const make of [
      () => new Pool({ jobQueue: [url] as never }),
      () => new Pool({ jobQueue: url as never }),
      () => Pool.fromUrls(url as never),
      () => futures.map(url as never),
    ]) {
      expect(make).toThrow(TypeError)
      expect(make).toThrow(/^(?!.*s3cret)/)
    }
    const pool = new Pool({ jobQueue: [{ url, ...secrets, data: { password: secret } }], numProcesses: 1 })
    for await (const exception of pool.exceptions()) expectNoSecret(exception)
    expect(pool.stats().exceptions).toBe(1)
  })

  it('an answer that is no HTTP: what the parser had in hand is not kept', async () => {
    const broken = `HTTP/1.1 200 OK\r\nSet-Cookie: sid=${secret}\r\nX-A: a\0b\r\n\r\n`
    for (const raw of [broken, `${secret}: no HTTP at all`, `HTTP/1.1 200 OK\r\nContent-Length: x${secret}\r\n\r\n`]) {
      const fault = await startFaultServer(always(raw))
      const error = await outcomeOf(session.get(fault.url))
      await fault.close()
      expect(error).toMatchObject({ name: 'ConnectionError', cause: { name: 'HTTPParserError' } })
      expectNoSecret(error)
    }
  })
})

describe('Nothing that a server says', () => {
  it('reaches a terminal by a message', async () => {
    const fault = await startFaultServer(always('HTTP/1.1 404 \x1b[2J\x07gone\x9b1m\r\nContent-Length: 0\r\n\r\n'))
    const error = (await outcomeOf(session.get(fault.url, { raiseForStatus: true }))) as Error
    await fault.close()

    expect(error.message).toMatch(/^404 Client Error: \ufffd\[2J\ufffdgone\ufffd1m for url: /)
  })
})
