// The little server that the examples ask. It does not keep the process alive.
import { createHash } from 'node:crypto'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

const file = Buffer.alloc(1_000_000, 'All work and no play makes Jack a dull boy. ')
const digest = `sha-256=:${createHash('sha256').update(file).digest('base64')}:`
let failures = 0
let askedForCached = 0

const routes = {
  json: ({ url }) => ({ body: { url, fruit: ['apple', 'pear', 'quince'] } }),
  users: ({ method, argument, content }) =>
    method === 'POST'
      ? { status: 201, body: { id: 4, ...JSON.parse(content) } }
      : { body: { id: Number(argument), name: `user ${argument}` } },
  status: ({ argument }) => ({ status: Number(argument), body: { status: Number(argument) } }),
  rows: ({ argument }) => ({
    body: Array.from({ length: argument }, (_, id) => ({ id, name: `row ${id}`, tags: [] })),
  }),
  bytes: ({ argument }) => ({ body: Buffer.alloc(Number(argument), 'x'), type: 'application/octet-stream' }),
  echo: ({ method, url, headers, content }) => ({ body: { method, url, headers, content } }),
  redirect: ({ argument }) => ({
    status: 302,
    headers: { location: argument > 1 ? `/redirect/${argument - 1}` : '/json' },
  }),
  login: () => ({ headers: { 'set-cookie': 'token=secret; Path=/; HttpOnly' }, body: { welcome: true } }),
  me: ({ headers }) => (headers.cookie ? { body: { cookie: headers.cookie } } : { status: 401, body: {} }),
  token: ({ headers }) => ({ status: headers.authorization === 'Bearer fresh' ? 200 : 401, body: {} }),
  /** Digest (RFC 7616), for the user `ann` with the password `secret`. */
  digest({ method, headers }) {
    const fields = Object.fromEntries(
      Array.from((headers.authorization ?? '').matchAll(/(\w+)="?([^",]+)/g), (each) => each.slice(1)),
    )
    const { nonce, nc, cnonce, qop, uri, username, response } = fields
    const hash = (...parts) => createHash('sha256').update(parts.join(':')).digest('hex')
    const secret = hash('ann', 'examples', 'secret')
    if (response === hash(secret, nonce, nc, cnonce, qop, hash(method, uri)))
      return { body: { user: username, count: Number(nc) } }
    const challenge = 'Digest realm="examples", nonce="n0nce", qop="auth", algorithm=SHA-256'
    return { status: 401, headers: { 'www-authenticate': challenge }, body: {} }
  },
  /** Fails so many times, then answers: with `Retry-After`, and from the second time on without. */
  flaky: ({ argument }) => {
    if (failures++ >= argument) return { body: { failures } }
    return { status: 503, headers: failures === 1 ? { 'retry-after': '0' } : {}, body: {} }
  },
  async delay({ argument }) {
    await sleep(Number(argument), undefined, { ref: false })
    return { body: { waited: Number(argument) } }
  },
  /** Five pages of three items, each with a link to the next one. */
  pages: ({ argument }) => ({
    headers: argument < 5 ? { link: `</pages/${Number(argument) + 1}>; rel="next"` } : {},
    body: [1, 2, 3].map((item) => `item ${argument}.${item}`),
  }),
  /** Three pages of two, by a cursor. */
  search({ content }) {
    const { cursor = 0 } = JSON.parse(content)
    const next = cursor < 2 ? { cursor: cursor + 1 } : {}
    return { body: { found: [`shoe ${cursor}.1`, `shoe ${cursor}.2`], ...next } }
  },
  /** A million bytes, of which no answer holds more than the first 400 000: then the connection breaks. */
  file({ headers }) {
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range)?.[1] ?? 0)
    const length = file.length - start
    const range = start > 0 ? { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` } : {}
    return {
      status: start > 0 ? 206 : 200,
      headers: { etag: '"1"', 'repr-digest': digest, 'content-length': length, ...range },
      type: 'application/octet-stream',
      body: file.subarray(start, start + 400_000),
      isCutOff: length > 400_000,
    }
  },
  /** Server-Sent Events: those after the `Last-Event-ID`, two of them, then the connection ends. */
  events({ headers }) {
    const last = Number(headers['last-event-id'] ?? 0)
    const events = [1, 2].map((each) => `id: ${last + each}\nevent: tick\ndata: {"count":${last + each}}\n\n`)
    return { type: 'text/event-stream', body: Buffer.from(`: hello\nretry: 10\n\n${events.join('')}`) }
  },
  /** May be kept for a minute; tells how often it was asked for. */
  cached: () => ({ headers: { 'cache-control': 'max-age=60' }, body: { asked: ++askedForCached } }),
}

async function answer(request, response) {
  const [, name, argument] = new URL(request.url, 'http://server').pathname.split('/')
  const content = await text(request)
  const { method, url, headers } = request
  const route = routes[name] ?? (() => ({ body: { url } }))
  const {
    status = 200,
    headers: more,
    type = 'application/json',
    body = '',
    isCutOff = false,
  } = await route({ method, url, headers, content, argument })
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...more })
  if (isCutOff) response.write(bytes, () => response.destroy())
  else response.end(bytes)
}

/** @returns `url`, such as `http://127.0.0.1:34567`, and `close()`, which the examples can do without */
export async function startServer() {
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy()) // the client went away
  })
  server.on('connection', (socket) => socket.unref())
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => server.closeAllConnections() ?? server.close(),
  }
}
