import type { LookupFunction, Socket } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { Client } from 'undici/index.js'
import { checkBoolean, describe, hush, isThenable, ownOptions } from '../checks.ts'
import { longestDelay } from '../deadline.ts'

/** A connector as undici's `connect`, which does the TLS of https itself. It connects to the proxy, if there is one. */
export type ConnectFunction = (
  options: {
    hostname: string
    host: string
    protocol: string
    port: string
    servername?: string
    localAddress?: string
  },
  callback: (error: Error | null, socket: Socket | null) => void,
) => unknown

/** How connections are made and kept, in undici's words. Times are milliseconds. */
export interface ConnectionOptions {
  /** How many ms an idle connection is kept; what the server says in `Keep-Alive` wins. @default 4_000 */
  keepAliveTimeout?: number | undefined
  /** The most ms that a server's `Keep-Alive` can ask for. @default 600_000 */
  keepAliveMaxTimeout?: number | undefined
  /** ms taken off what the server says, for the time that messages travel. @default 2_000 */
  keepAliveTimeoutThreshold?: number | undefined
  /** Requests after which a connection is closed. @default no limit */
  maxRequestsPerClient?: number | undefined
  /** Bytes of a response's headers. @default Node's `--max-http-header-size`, 16 KiB */
  maxHeaderSize?: number | undefined
  /** Bytes of a body on the wire; the request's `maxResponseSize` is the finer one. @default no limit */
  maxResponseSize?: number | undefined
  /** Whether a body whose length is not the Content-Length fails the request. @default true */
  strictContentLength?: boolean | undefined
  /** undici's own coarse timers, in ms. @default 0: `timeout` of the request rules */
  headersTimeout?: number | undefined
  /** Likewise. @default 0 */
  bodyTimeout?: number | undefined
  /** An upper bound of `timeout.connect`, in ms. @default none */
  connectTimeout?: number | undefined
  /** 0 closes each connection after its request. More than one request at a time is never on a connection. @default 1 */
  pipelining?: 0 | 1 | undefined
  /** A Unix domain socket that every connection goes to. @default none */
  socketPath?: string | undefined
  /** The address of this machine that connections come from. @default any */
  localAddress?: string | undefined
  /** How names are looked up; it is called as by `net.connect`. @default `dns.lookup` */
  lookup?: LookupFunction | undefined
  /** 4 or 6: addresses of this kind only. @default 0: both */
  family?: 0 | 4 | 6 | undefined
  /** Of `dns.lookup`. */
  hints?: number | undefined
  /** Whether addresses are tried one after the other until one answers. @default as in Node */
  autoSelectFamily?: boolean | undefined
  /** How many ms one address is tried. @default as in Node */
  autoSelectFamilyAttemptTimeout?: number | undefined
  /** TLS sessions that are remembered for resumption. @default 100 */
  maxCachedSessions?: number | undefined
  /** The session option `http2`, which wins, by undici's name. @default false */
  allowH2?: boolean | undefined
  /** Options of `net.connect` and `tls.connect`, or a function that connects. */
  connect?: (TlsOptions & { [option: string]: unknown }) | ConnectFunction | undefined
}

export interface ResolvedConnectionOptions {
  /** For undici's Client. */
  readonly client: Client.Options
  /** For `net.connect` and `tls.connect`. */
  readonly socket: TlsOptions
  readonly connector: ConnectFunction | undefined
  readonly connectTimeout: number
  readonly maxCachedSessions: number
  /** Whether HTTP/2 is offered to https destinations. */
  readonly allowH2: boolean
}

const clientOptions = new Set([
  'keepAliveTimeout',
  'keepAliveMaxTimeout',
  'keepAliveTimeoutThreshold',
  'maxRequestsPerClient',
  'maxHeaderSize',
  'maxResponseSize',
  'strictContentLength',
  'headersTimeout',
  'bodyTimeout',
  'pipelining',
])
const socketOptions = new Set([
  'socketPath',
  'localAddress',
  'lookup',
  'family',
  'hints',
  'autoSelectFamily',
  'autoSelectFamilyAttemptTimeout',
])
/** Options that become timers of undici or Node. */
const delayNames = [
  'keepAliveTimeout',
  'keepAliveMaxTimeout',
  'headersTimeout',
  'bodyTimeout',
  'autoSelectFamilyAttemptTimeout',
] as const
const otherOptions = new Set(['connect', 'connectTimeout', 'maxCachedSessions', 'allowH2'])

const hints: ReadonlyMap<string, string> = new Map([
  ['connections', 'the number of connections follows from `maxWorkers` and `maxWorkersPerOrigin`'],
  ['factory', 'give a `dispatcher` of your own'],
  ['interceptors', 'give a `dispatcher` of your own'],
])

/**
 * @throws {TypeError} an unknown option, or one that undici does not accept
 */
export function resolveConnectionOptions(given: ConnectionOptions = {}): ResolvedConnectionOptions {
  if (typeof given !== 'object' || (given as unknown) === null) {
    throw new TypeError(`Expected \`poolOptions\` to be an object, got ${describe(given)}`)
  }
  const options = ownOptions(given)
  const client = ownOptions<Record<string, unknown>>({ headersTimeout: 0, bodyTimeout: 0 })
  const socket = ownOptions<Record<string, unknown>>({})
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (clientOptions.has(name)) {
      if (value !== undefined) client[name] = value
    } else if (socketOptions.has(name)) {
      if (value !== undefined) socket[name === 'socketPath' ? 'path' : name] = value
    } else if (!otherOptions.has(name)) {
      const hint = hints.get(name)
      throw new TypeError(`Unknown option \`poolOptions.${name}\`${hint === undefined ? '' : `: ${hint}`}`)
    }
  }
  checkOptions(client, socket, options)
  const { connect } = options
  const { timeout, ...connectOptions } = ownOptions(typeof connect === 'object' ? connect : {})
  return {
    client: withFeasibleDelays(client),
    socket: withGuardedCallbacks(withFeasibleDelays({ ...socket, ...connectOptions })),
    connector: typeof connect === 'function' ? connect : undefined,
    connectTimeout: Math.min(limit(options.connectTimeout), limit(timeout)),
    maxCachedSessions: options.maxCachedSessions ?? 100,
    allowH2: options.allowH2 ?? false,
  }
}

/** Caps delays at the longest that a timer can have. */
function withFeasibleDelays(options: Record<string, unknown>): Record<string, unknown> {
  for (const name of delayNames) {
    const delay = options[name]
    if (typeof delay === 'number') options[name] = Math.min(delay, longestDelay)
  }
  return options
}

/** As in undici, 0 and `undefined` mean no timeout. */
const limit = (timeout: number | undefined): number => timeout || Infinity

function checkOptions(
  client: Record<string, unknown>,
  socket: Record<string, unknown>,
  options: ConnectionOptions,
): void {
  const { lookup, family, autoSelectFamily, connect, connectTimeout, maxCachedSessions, pipelining = 1 } = options
  const { allowH2 } = options as { allowH2?: unknown }
  if (lookup !== undefined && typeof lookup !== 'function') throw unfit('lookup', 'a function', lookup)
  if (family !== undefined && ![0, 4, 6].includes(family)) throw unfit('family', '0, 4 or 6', family)
  if (autoSelectFamily !== undefined) checkBoolean('poolOptions.autoSelectFamily', autoSelectFamily)
  if (allowH2 !== undefined) checkBoolean('poolOptions.allowH2', allowH2)
  if (![0, 1].includes(pipelining)) throw unfit('pipelining', '0 or 1', pipelining)
  const { path, localAddress, autoSelectFamilyAttemptTimeout } = socket
  try {
    // undici checks options when a Client is made: makes one here, so that the error does not wait for the first request.
    const all = {
      ...client,
      ...({ socketPath: path, localAddress, autoSelectFamily, autoSelectFamilyAttemptTimeout } as Client.Options),
      ...({ connect, connectTimeout, maxCachedSessions } as Client.Options),
    }
    new Client('http://localhost', ownOptions(all))
  } catch (error) {
    throw new TypeError(`\`poolOptions\` can't be used: ${(error as Error).message}`, { cause: error })
  }
}

function unfit(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Expected \`poolOptions.${name}\` to be ${expected}, got ${describe(value)}`)
}

type IdentityCheck = NonNullable<TlsOptions['checkServerIdentity']>

/**
 * Guards the caller's functions that sockets call: what they throw or reject with becomes the error of the connection.
 */
function withGuardedCallbacks(options: TlsOptions): TlsOptions {
  const { lookup, checkServerIdentity } = options
  if (typeof lookup === 'function') options.lookup = guardedLookup(lookup)
  if (typeof checkServerIdentity === 'function') options.checkServerIdentity = guardedIdentityCheck(checkServerIdentity)
  return options
}

/** An `async` one may answer by rejecting; the first answer counts. */
function guardedLookup(lookup: (...args: Parameters<LookupFunction>) => unknown): LookupFunction {
  return (hostname, options, callback) => {
    let isAnswered = false
    const answer: typeof callback = (...results) => {
      if (isAnswered) return
      isAnswered = true
      callback(...results)
    }
    const returned = lookup(hostname, options, answer)
    if (isThenable(returned)) returned.then(undefined, (error: unknown) => answer(error as Error, ''))
  }
}

/** Node wants the error returned, and would take a promise for one. */
function guardedIdentityCheck(check: IdentityCheck): IdentityCheck {
  return (hostname, certificate) => {
    try {
      const problem: unknown = check(hostname, certificate)
      if (!isThenable(problem)) return problem as Error | undefined
      hush(problem)
      return new TypeError(`Expected \`checkServerIdentity\` to return an error or nothing, got ${describe(problem)}`)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}
