import type { TlsOptions } from 'node:tls'
import type * as errors from '../../../src/errors.ts'
import type { RequestOptions } from '../../../src/session/options/options.ts'
import type { Peer } from '../fault-server.ts'
import { turn } from '../gate.ts'

/** By name, not by class: they hold for sources, builds and threads alike. */
export type ErrorName = Exclude<keyof typeof errors, 'attachRequest'>

/** What the contract says a request comes to that meets a fault. */
export interface Expected {
  /** Of the response; nothing if none comes. */
  readonly status?: number
  /** Of a response that is whole; default "fine". */
  readonly text?: string
  /** Where there is a status, too, it fails while the body is read: with `stream`, the response comes first. */
  readonly error?: ErrorName
}

/**
 * Where the fault is.
 *
 * `path`: one of many on a server that is good otherwise, whose connections go on where a script leaves them open.
 * `server`: a server of its own. `refused`, `black-hole`: there is none.
 * `http-proxy`, `https-proxy`, `socks-proxy`: the request leads elsewhere, through this proxy.
 * `refused-http-proxy`, `refused-socks-proxy`: there is no such proxy.
 */
export type Place =
  | 'path'
  | 'server'
  | 'refused'
  | 'black-hole'
  | 'http-proxy'
  | 'https-proxy'
  | 'socks-proxy'
  | 'refused-http-proxy'
  | 'refused-socks-proxy'

/** One way in which the other side breaks the rules, or only seems to. */
export interface Fault {
  /** Unique, and fit for a path. */
  readonly name: string
  readonly place: Place
  /** Of a `path` for each request, with its head; otherwise for each connection. */
  readonly script: (peer: Peer, request: string) => unknown
  readonly expected: Expected
  /** Where that is something else with `stream`. */
  readonly expectedOfStream?: Expected
  /** What the request has to ask for. Timeouts only where the fault is one. */
  readonly method?: string
  readonly options?: RequestOptions | undefined
  /** Of a `server` or an `https-proxy`: how it speaks TLS. */
  readonly secure?: TlsOptions
  /** Of a `server` that is asked for over TLS and speaks none. */
  readonly isHttps?: boolean
  /** Of a proxy: where the request leads. Default: to a good server over TLS; `http`: to one without; else to that of the fault with this name. */
  readonly target?: string
}

/** Milliseconds after which a silent peer is given up: longer than a busy machine needs for the peer to have heard of us. */
export const patience = 300

export const readTimeout: RequestOptions = { timeout: { read: patience } }
export const connectTimeout: RequestOptions = { timeout: { connect: patience } }

type Act = (peer: Peer) => unknown

export const close: Act = (peer) => peer.socket.end()
export const reset: Act = (peer) => peer.reset()
/** In the middle of a TLS handshake. */
export const resetHandshake: Act = async (peer) => {
  await peer.take(1)
  peer.reset()
}
/** Leaves the connection open. */
export const stay: Act = () => {}

/** Says something, then does something. */
export function say(bytes: string | Uint8Array, then: Act = stay): Act {
  return async (peer) => {
    await peer.write(bytes)
    await then(peer)
  }
}

/** Says something again and again, until the other side has enough. */
export function flood(head: string, line: string): Act {
  return async (peer) => {
    await peer.write(head)
    while (!peer.socket.destroyed) {
      await peer.write(line)
      // Otherwise nothing else gets a turn until the socket is full.
      await turn()
    }
  }
}

/** Says something byte by byte. */
export function drip(text: string): Act {
  return async (peer) => {
    peer.socket.setNoDelay(true)
    for (const byte of text) {
      await peer.write(byte)
      await turn()
    }
  }
}

const retriedErrors: readonly (ErrorName | undefined)[] = [
  'ConnectTimeoutError',
  'ProxyError',
  'ConnectionError',
  'ReadTimeoutError',
  'ChunkedEncodingError',
]
const retriedStatuses: readonly (number | undefined)[] = [408, 429, 500, 502, 503, 504]

/** Whether the usual retry policy tries again what meets this fault. Not where somebody reads the body already. */
export function isRetried(fault: Fault, isStreamed: boolean): boolean {
  const { status, error } = (isStreamed ? fault.expectedOfStream : undefined) ?? fault.expected
  if (retriedStatuses.includes(status)) return true
  return retriedErrors.includes(error) && !(isStreamed && status !== undefined)
}
