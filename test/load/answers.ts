import type http from 'node:http'
import { gzipSync } from 'node:zlib'

/** Where the request came in, for redirects to elsewhere. */
export interface Place {
  /** Another origin. */
  readonly neighbour: string
  /** How often this very request has come. */
  readonly count: number
  readonly id: string
  readonly body: Buffer
}

type Answer = (response: http.ServerResponse, place: Place) => void

const pad = 'x'.repeat(64 * 1024)
const old = 'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n'

/**
 * What the server can do, right and wrong; the first segment of the path says which, the second is the number of the request,
 * which every right answer repeats.
 */
export const answers: Readonly<Record<string, Answer>> = {
  plain: (response, { id }) => json(response, { id }),
  large: (response, { id }) => json(response, { id, pad }),
  echo: (response, { id, body }) => json(response, { id, echoed: JSON.parse(body.toString()) as unknown }),
  gzip(response, { id }) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(gzipSync(JSON.stringify({ id })))
  },
  chunked(response, { id }) {
    const text = JSON.stringify({ id, tail: 'of many chunks' })
    for (let at = 0; at < text.length; at += 10) response.write(text.slice(at, at + 10))
    response.end()
  },
  /** Its body comes in two parts, 10 ms apart. */
  slow(response, { id }) {
    response.write('{')
    setTimeout(() => response.end(`"id":"${id}"}`), 10)
  },
  /** Nothing for 10 ms. */
  late: (response, { id }) => void setTimeout(() => json(response, { id }), 10),
  hinted(response, { id }) {
    response.writeProcessing()
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    json(response, { id })
  },
  moved: (response, { id }) => redirect(response, `/plain/${id}`),
  elsewhere: (response, { id, neighbour }) => redirect(response, `${neighbour}/plain/${id}`),
  /** Says that it will close, and does. */
  last(response, { id }) {
    response.setHeader('connection', 'close')
    json(response, { id })
  },
  /** More than is held for a reader, without a length. */
  untilTheEnd: ({ socket }, { id }) =>
    void socket?.write(old + JSON.stringify({ id, pad }), () => socket.destroySoon()),
  /** In chunks, and in no hurry. */
  nothing(response) {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    response.flushHeaders()
    setTimeout(() => response.end(gzipSync('')), 5)
  },
  /** Closes the connection without having said so. */
  leaves(response, { id }) {
    const { socket } = response
    response.once('finish', () => socket?.destroySoon())
    json(response, { id })
  },

  untilAReset: ({ socket }, { id }) =>
    void socket?.write(old + JSON.stringify({ id, pad }), () => socket.resetAndDestroy()),
  reset: (response) => void response.socket?.resetAndDestroy(),
  resetOnce: (response, place) => (place.count === 1 ? answers.reset! : answers.plain!)(response, place),
  hangUp: (response) => void response.socket?.destroy(),
  resetInBody(response) {
    response.writeHead(200, { 'content-length': 1000 })
    response.write('{"id":', () => response.socket?.resetAndDestroy())
  },
  cut(response) {
    response.writeHead(200, { 'content-length': 1000 })
    response.write('{"id":', () => response.socket?.destroySoon())
  },
  cutChunks: (response) => void response.write('{"id":', () => response.socket?.destroySoon()),
  badChunks(response) {
    const { socket } = response
    socket?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno number\r\n', () =>
      socket.destroySoon(),
    )
  },
  garbage: ({ socket }) => void socket?.write('this is no HTTP\r\n\r\n', () => socket.destroySoon()),
  endlessHeaders({ socket }) {
    const header = `X-Long: ${'x'.repeat(1000)}\r\n`
    socket?.write(`HTTP/1.1 200 OK\r\n${header.repeat(40)}\r\n`, () => socket.destroySoon())
  },
  corrupt(response) {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    response.end('this was never compressed')
  },
  truncated(response, { id }) {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    response.end(gzipSync(JSON.stringify({ id, pad })).subarray(0, -20))
  },
  silent() {},
  stalls: (response) => void response.write('{"id":'),
  loop: (response, { id }) => redirect(response, `/loop/${id}`),
  missing: (response, { id }) => json(response, { id }, 404),
  unavailable: (response, { id }) => json(response, { id }, 503),
  unavailableOnce: (response, place) => (place.count === 1 ? answers.unavailable! : answers.plain!)(response, place),
}

function json(response: http.ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

function redirect(response: http.ServerResponse, location: string): void {
  response.writeHead(302, { location })
  response.end('elsewhere')
}
