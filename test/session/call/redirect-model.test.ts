import fc from '../../helpers/fast-check.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TooManyRedirectsError } from '../../../src/errors.ts'
import { Session } from '../../../src/session/session.ts'
import { readBody, startServer, type TestServer } from '../../helpers/server.ts'

interface Hop {
  readonly status: number
  /** How its Location is written. */
  readonly form: 'path' | 'relative' | 'protocol-relative' | 'absolute' | 'with credentials' | 'query only'
  readonly goesAway: boolean
  readonly fragment: string
}

interface Seen {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly body: string
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  readonly type: string | undefined
  readonly own: string | undefined
}

/** Two origins: `localhost` and `127.0.0.1` would be two hosts, but name look-ups differ between machines. */
let servers: [TestServer, TestServer]
let chain: readonly Hop[] = []
let seen: Seen[] = []
let session: Session

beforeAll(async () => {
  const start = (index: number): Promise<TestServer> =>
    startServer((request, response) => {
      void readBody(request).then((body) => {
        const { method = '', url: path = '', headers } = request
        const { authorization, cookie, 'content-type': type, 'x-own': own } = headers
        const origin = servers[index]!.url
        seen.push({ origin, method, path, body, authorization, cookie, type, own: own as string | undefined })
        const hop = chain[seen.length - 1]
        if (hop === undefined) return void response.end('end')
        response.writeHead(hop.status, { location: locationOf(hop, seen.length, origin) }).end('hop')
      })
    })
  servers = [await start(0), await start(1)]
  session = new Session({ trustEnv: false })
})
afterAll(async () => {
  await session.close()
  await Promise.all(servers.map((server) => server.close()))
})

const otherThan = (origin: string): string => servers.find(({ url }) => url !== origin)!.url

function locationOf({ form, goesAway, fragment }: Hop, count: number, origin: string): string {
  const target = goesAway ? otherThan(origin) : origin
  const host = target.slice('http://'.length)
  const path = `/${count}/x?n=${count}`
  const written = {
    path,
    relative: `../${count}/x?n=${count}`,
    'protocol-relative': `//${host}${path}`,
    absolute: target + path,
    'with credentials': `http://thief:word@${host}${path}`,
    'query only': `?n=${count}`,
  }
  return written[goesAway && !/^(?:protocol|absolute|with)/.test(form) ? 'absolute' : form] + fragment
}

/** What the contract says: the rules of redirects, once more. */
function expected(method: string, body: string | undefined, hops: readonly Hop[]): { seen: Seen[]; hash: string } {
  const home = servers[0].url
  let current: Seen = {
    origin: home,
    method,
    path: '/0/x?n=0',
    body: body ?? '',
    authorization: 'Bearer token',
    cookie: 'a=b',
    type: body === undefined ? undefined : 'text/x-own',
    own: 'kept',
  }
  let hash = '#start'
  const all = [current]
  for (const [index, hop] of hops.entries()) {
    const { status, form, goesAway, fragment } = hop
    const becomesGet = (status === 303 && current.method !== 'HEAD') || (status <= 302 && current.method === 'POST')
    const keepsBody = status !== 303 && !becomesGet
    const count = index + 1
    const isQuery = form === 'query only' && !goesAway
    if (fragment !== '') hash = fragment
    current = {
      origin: goesAway ? otherThan(current.origin) : current.origin,
      method: becomesGet ? 'GET' : current.method,
      path: isQuery ? `${current.path.split('?')[0]!}?n=${count}` : `/${count}/x?n=${count}`,
      body: keepsBody ? current.body : '',
      authorization: goesAway ? undefined : current.authorization,
      cookie: goesAway ? undefined : current.cookie,
      type: keepsBody ? current.type : undefined,
      own: 'kept',
    }
    all.push(current)
  }
  return { seen: all, hash }
}

const hop: fc.Arbitrary<Hop> = fc.record({
  status: fc.constantFrom(301, 302, 303, 307, 308),
  form: fc.constantFrom('path', 'relative', 'protocol-relative', 'absolute', 'with credentials', 'query only'),
  goesAway: fc.boolean(),
  fragment: fc.constantFrom('', '', '#f', '#g'),
})

it('redirects of any kind, one after the other, lead where the rules say, with what the rules leave', async () => {
  const scenario = {
    hops: fc.array(hop, { maxLength: 6 }),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'),
    body: fc.constantFrom(undefined, 'a body'),
    isHeader: fc.boolean(),
    maxRedirects: fc.constantFrom(2, 6, 30),
  }
  await fc.assert(
    fc.asyncProperty(fc.record(scenario), async ({ hops, method, body, isHeader, maxRedirects }) => {
      ;[chain, seen] = [hops, []]
      const isHead = method === 'HEAD'
      const data = isHead ? undefined : body
      const token = 'Bearer token'
      const response = await session
        .request(method, `${servers[0].url}/0/x?n=0#start`, {
          headers: {
            'X-Own': 'kept',
            ...(data !== undefined && { 'Content-Type': 'text/x-own' }),
            ...(isHeader && { authorization: token, COOKIE: 'a=b' }),
          },
          ...(!isHeader && { auth: (request) => request.headers.set('Authorization', token), cookies: { a: 'b' } }),
          data,
          maxRedirects,
          allowRedirects: true,
        })
        .catch((error: unknown) => error)
      const model = expected(method, data, hops.slice(0, maxRedirects))
      // The `auth` and the `cookies` of a request belong to its origin and are gone for good when that is left.
      expect(seen).toEqual(model.seen)
      if (hops.length > maxRedirects) {
        expect(response).toBeInstanceOf(TooManyRedirectsError)
        return
      }
      const last = model.seen.at(-1)!
      expect(response).toMatchObject({
        status: 200,
        url: last.origin + last.path + model.hash,
        redirected: hops.length > 0,
        history: hops.map(({ status }, index) => {
          const { origin, path } = model.seen[index]!
          return { status, url: expect.stringContaining(origin + path) as string }
        }),
      })
    }),
    { numRuns: 200, interruptAfterTimeLimit: 8_000 },
  )
})
