/** SECURITY.md, "Prototypes": no name in options, and none that a server sends, reaches a prototype; none on one is an option. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FuturesSession, InvalidOptionError, Session, WorkerThreadExecutor } from '../../src/index.ts'
import { Pool } from '../../src/pool/index.ts'
import { decode, encode } from '../../src/executor/remote/error-codec.ts'
import { always, startFaultServer, type FaultServer } from '../helpers/fault-server.ts'
import { readBody, startServer, type TestServer } from '../helpers/server.ts'
import { runSource } from '../helpers/run-source.ts'
import { startTlsServer, tlsFixture } from '../helpers/tls.ts'

let server: TestServer
let session: Session

beforeEach(async () => {
  server = await startServer((request, response) => {
    void readBody(request).then((body) =>
      response.end(JSON.stringify({ url: request.url, body, headers: request.headers, raw: request.rawHeaders })),
    )
  })
  session = new Session({ trustEnv: false })
})
afterEach(async () => {
  await session.close()
  await server.close()
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
})

interface Echo {
  readonly url: string
  readonly body: string
  readonly headers: Record<string, string>
  readonly raw: readonly string[]
}

/** As a program has it that takes options from others. */
const hostile = (): Record<string, never> =>
  JSON.parse('{ "__proto__": { "polluted": "p" }, "constructor": { "prototype": { "polluted": "c" } } }') as never
/** As values, where values are texts. */
const hostileTexts = (): Record<string, string> =>
  JSON.parse('{ "__proto__": "p", "constructor": "c", "toString": "t" }') as never

describe('Names that every object has are refused as options,', () => {
  it.each(['retry', 'hooks', 'timeout', 'cert'])('in `%s` of a request', async (name) => {
    const url = name === 'cert' ? server.url.replace('http', 'https') : server.url
    await expect(session.get(url, { [name]: hostile() })).rejects.toThrow(InvalidOptionError)
    expect(server.seen).toEqual([])
  })

  it('in those of a request, and of a job', async () => {
    await expect(session.get(server.url, hostile())).rejects.toThrow(InvalidOptionError)
    await expect(session.get(server.url, { retry: { backoff: hostile() } })).rejects.toThrow(InvalidOptionError)
    await using futures = new FuturesSession({ session })
    await expect(futures.get(server.url, hostile()).result()).rejects.toThrow(InvalidOptionError)
    const pool = new Pool({ jobQueue: [{ url: server.url, ...hostile() }], numProcesses: 1 })
    for await (const { exception } of pool.exceptions()) expect(exception).toBeInstanceOf(InvalidOptionError)
    expect(pool.stats()).toMatchObject({ submitted: 1, exceptions: 1 })
    expect(server.seen).toEqual([])
  })

  it('in those of sessions, their connections, pools and attributes', () => {
    expect(() => new Session(hostile())).toThrow(/Unknown option `__proto__`/)
    expect(() => new FuturesSession(hostile())).toThrow(/Unknown option `__proto__`/)
    expect(() => new Session({ poolOptions: hostile() })).toThrow(/Unknown option `poolOptions.__proto__`$/)
    expect(() => new Pool(hostile())).toThrow(/Unknown option `__proto__`/)
    for (const name of ['timeout', 'retry', 'hooks'] as const) {
      expect(() => Object.assign(session, { [name]: hostile() })).toThrow(/Unknown option `.*__proto__`/)
    }
  })
})

describe('They are names like others', () => {
  it('in headers, params, forms, JSON and cookies', async () => {
    const names = ['__proto__', 'constructor', 'toString']
    const parts = { headers: hostileTexts(), params: hostileTexts(), cookies: hostileTexts() }
    const form = await session.post(server.url, { ...parts, data: hostileTexts() })
    const { url, body, headers, raw } = form.json<Echo>()
    expect([...new URL(url, server.url).searchParams.keys()]).toEqual(names)
    expect([...new URLSearchParams(body).keys()]).toEqual(names)
    expect(headers['cookie']).toBe('__proto__=p; constructor=c; toString=t')
    expect(raw.join()).toContain('__proto__,p,constructor,c,toString,t')

    const json = await session.post(server.url, { json: hostileTexts() })
    expect(json.json<Echo>().body).toBe('{"__proto__":"p","constructor":"c","toString":"t"}')
    const file = await session.post(server.url, { files: hostileTexts() })
    expect(file.json<Echo>().body).toContain('name="__proto__"; filename="__proto__"')
  })

  it('in proxies, where they are for no URL, and in `context`, which is yours', async () => {
    const context = hostile()
    const response = await session.get(server.url, { proxies: hostileTexts(), context })
    expect(response.status).toBe(200)
  })

  it('in what crosses to threads, and back with errors', async () => {
    await using executor = new WorkerThreadExecutor({ threads: 1 })
    await using futures = new FuturesSession({ executor, session, unobserved: 'ignore' })
    session.params = hostileTexts()
    const parts = { headers: hostileTexts(), cookies: hostileTexts(), proxies: hostileTexts(), context: hostile() }
    const response = await futures.get(server.url, parts).result()
    expect(response.json<Echo>().url).toBe('/?__proto__=p&constructor=c&toString=t')
    expect(response.json<Echo>().headers['cookie']).toContain('__proto__=p')

    const error = Object.defineProperty(new Error('e'), '__proto__', { value: { polluted: 1 }, enumerable: true })
    const back = decode(encode(Object.assign(error, { data: hostile() }))) as Error & { data: object }
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype)
    expect(Object.keys(back.data)).toEqual(['__proto__', 'constructor'])
  })
})

describe('What a server sends is data, whatever it is called:', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']
  let hostileServer: FaultServer

  afterEach(() => hostileServer.close())

  async function answerWith(lines: readonly string[], body = ''): Promise<void> {
    const head = ['HTTP/1.1 200 OK', `Content-Length: ${Buffer.byteLength(body)}`, ...lines].join('\r\n')
    hostileServer = await startFaultServer(always(`${head}\r\n\r\n${body}`))
  }

  it('headers, also repeated, here and in a thread', async () => {
    await answerWith(names.flatMap((name) => [`${name}: 1`, `${name}: 2`]))
    await using executor = new WorkerThreadExecutor({ threads: 1 })
    await using futures = new FuturesSession({ executor, session, unobserved: 'ignore' })
    for (const { headers } of [await session.get(hostileServer.url), await futures.get(hostileServer.url).result()]) {
      expect(names.map((name) => headers.get(name))).toEqual(names.map(() => '1, 2'))
      expect(Object.getPrototypeOf(headers)).not.toBe(Object.prototype)
    }
  })

  it('cookies, their domains and paths', async () => {
    await answerWith(names.map((name) => `Set-Cookie: ${name}=1; Path=/; __proto__=x; constructor=y`))
    await session.get(hostileServer.url)
    await session.get(hostileServer.url)
    expect(hostileServer.requests[1]).toContain(`Cookie: ${names.map((name) => `${name}=1`).join('; ')}\r\n`)
  })

  it('links, their parameters, and charsets', async () => {
    const links = names.map((name) => `</${name}>; rel="${name}"; ${name}="x"`).join(', ')
    await answerWith([`Link: ${links}`, 'Content-Type: text/plain; charset=constructor'], 'text')
    const response = await session.get(hostileServer.url)
    expect(Object.keys(response.links)).toEqual(names)
    expect(Object.getPrototypeOf(response.links)).toBe(Object.prototype)
    expect(response.links['__proto__']).toMatchObject({ url: '/__proto__' })
    expect(response.text()).toBe('text')
  })

  it('JSON', async () => {
    await answerWith([], '{"__proto__":{"polluted":1}}')
    const value = (await session.get(hostileServer.url)).json<object>()
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect((value as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('A polluted Object.prototype', () => {
  it('changes neither where requests go, nor whom they trust, nor what runs', async () => {
    const evil = await startServer((_, response) => response.end('evil'))
    const wrongName = await startTlsServer(undefined, {
      cert: tlsFixture('wrong-name.pem'),
      key: tlsFixture('wrong-name.key'),
    })
    const module = 'data:text/javascript,export default () => { throw new Error("ran") }'
    const cases: Record<string, unknown>[] = [
      { http_proxy: evil.url, HTTP_PROXY: evil.url, all_proxy: evil.url },
      { http: evil.url, all: evil.url, proxies: { all: evil.url }, NETRC: '/x', HOME: '/x' },
      { host: '127.0.0.1', hostname: '127.0.0.1', port: new URL(evil.url).port, origin: evil.url, url: evil.url },
      { path: '/no/such/socket', socketPath: '/no/such/socket', localAddress: '9.9.9.9', lookup: 'x', family: 6 },
      { dispatcher: {}, baseUrl: evil.url, poolOptions: { path: '/x' } },
      {
        session: {},
        executor: {},
        initializer: { module, name: 'default' },
        execArgv: ['--import', module],
        eval: true,
      },
      { module, name: 'default', hooks: { response: { module, name: 'default' } }, auth: ['u', 'p'] },
      { headers: { evil: '1' }, cookies: { evil: '1' }, params: { evil: '1' }, data: 'evil', method: 'POST' },
      {
        total: 9,
        backoff: 'x',
        methods: 'x',
        maxWorkers: 'x',
        maxQueue: 'x',
        maxPerGroup: 'x',
        rateLimit: 'x',
        unobserved: 'x',
      },
    ]
    const trust = { verify: false, rejectUnauthorized: false, ca: 'x', cert: 'x', key: 'x', checkServerIdentity: 'x' }
    const { code, stdout, stderr } = await runSource(`
      import { FuturesSession, Session, WorkerThreadExecutor } from './src/index.ts'
      const report = []
      async function polluted(properties, fn) {
        Object.assign(Object.prototype, properties)
        let said
        try { said = await fn() } catch (error) { said = error.name + ': ' + error.message }
        for (const name of Object.keys(properties)) delete Object.prototype[name]
        report.push(said)
      }
      async function ask() {
        const session = new FuturesSession({ retry: { connect: 1 }, proxies: {} })
        const plain = new Session()
        const answers = [await session.get('${server.url}').json(), await (await plain.get('${server.url}', {})).json()]
        await Promise.all([session.close(), plain.close()])
        return answers.map(({ url, body, headers }) => url + body + (headers.evil ?? '') + (headers.authorization ?? '')).join()
      }
      async function thread() {
        const executor = new WorkerThreadExecutor()
        const answer = await executor.submit({ module: 'node:path', name: 'basename', args: ['/a/b', ''] }).result().catch(String)
        await executor.shutdown()
        return String(answer)
      }
      for (const properties of ${JSON.stringify(cases)}) await polluted(properties, ask)
      await polluted(${JSON.stringify(cases[5])}, thread)
      await polluted(${JSON.stringify(trust)}, async () => {
        const session = new Session({ verify: ${JSON.stringify(tlsFixture('ca.pem'))} })
        const outcome = await session.get('${wrongName.url}').catch((error) => error.name)
        await session.close()
        return outcome
      })
      console.log(JSON.stringify(report))`)
    await Promise.all([evil.close(), wrongName.close()])

    expect([code, stderr]).toEqual([0, ''])
    const report = JSON.parse(stdout) as string[]
    expect(report.slice(0, cases.length)).toEqual(cases.map(() => '/,/'))
    expect(report.at(-2)).not.toMatch(/ran/)
    expect(report.at(-1)).toBe('SSLError')
    expect(evil.seen).toEqual([])
  })
})
