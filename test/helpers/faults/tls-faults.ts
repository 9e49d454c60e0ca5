import type { TlsOptions } from 'node:tls'
import { always, answer, silence } from '../fault-server.ts'
import { tlsFixture } from '../tls.ts'
import {
  close,
  connectTimeout,
  readTimeout,
  reset,
  resetHandshake,
  say,
  stay,
  type Expected,
  type Fault,
} from './fault.ts'

const wellServed = always(answer('fine'))
const badHandshake: Expected = { error: 'SSLError' }
const identity = (name: string): TlsOptions => ({ cert: tlsFixture(`${name}.pem`), key: tlsFixture(`${name}.key`) })
const trusting = { verify: tlsFixture('ca.pem') }

/** A fatal alert: handshake_failure. */
const alert = Buffer.from([0x15, 3, 3, 0, 2, 2, 40])

const handshake = (name: string, script: Fault['script'], expected: Expected, more?: Partial<Fault>): Fault => ({
  name: `tls-${name}`,
  place: 'server',
  isHttps: true,
  script,
  expected,
  ...more,
})

const behind = (name: string, script: Fault['script'], expected: Expected, more?: Partial<Fault>): Fault => ({
  name: `tls-${name}`,
  place: 'server',
  secure: {},
  script: async (peer, request) => ((await peer.request()) === undefined ? undefined : script(peer, request)),
  expected,
  ...more,
  options: { ...trusting, ...more?.options },
})

/** What goes wrong with TLS, and what goes wrong behind it. */
export const tlsFaults: readonly Fault[] = [
  handshake('expired', wellServed, badHandshake, { secure: identity('expired'), options: trusting }),
  handshake('self-signed', wellServed, badHandshake, { secure: identity('self-signed') }),
  handshake('wrong-name', wellServed, badHandshake, { secure: identity('wrong-name'), options: trusting }),
  handshake('unknown-ca', wellServed, badHandshake, { secure: {} }),
  handshake('old', wellServed, badHandshake, {
    secure: { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
    options: trusting,
  }),
  handshake('none', say('HTTP/1.1 400 Bad Request\r\n\r\n', close), badHandshake),
  handshake('alert', say(alert, close), badHandshake),
  handshake('noise', say(Buffer.from([0x16, 3, 3, 0, 4, 0xff, 0xff, 0xff, 0xff])), badHandshake),
  handshake('closed', close, badHandshake),
  // The network, not TLS.
  handshake('reset', resetHandshake, { error: 'ConnectionError' }),
  handshake('silence', silence, { error: 'ConnectTimeoutError' }, { options: connectTimeout }),
  behind('reset-before-headers', reset, { error: 'ConnectionError' }),
  behind('close-before-headers', close, { error: 'ConnectionError' }),
  behind('silence-before-headers', stay, { error: 'ReadTimeoutError' }, { options: readTimeout }),
  behind('close-in-body', say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', close), {
    status: 200,
    error: 'ChunkedEncodingError',
  }),
  behind('reset-in-body', say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', reset), {
    status: 200,
    error: 'ChunkedEncodingError',
  }),
  behind('100-first', say('HTTP/1.1 100 Continue\r\n\r\n', say(answer('fine'))), { status: 200 }),
  behind('connection-close', say(answer('fine', { Connection: 'close' }), close), { status: 200 }),
  behind('idle-socket-closed', say(answer('fine'), close), { status: 200 }),
]
