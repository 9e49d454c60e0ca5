import { answer, always, type Peer } from '../fault-server.ts'
import { tlsFixture } from '../tls.ts'
import {
  close,
  connectTimeout,
  drip,
  flood,
  readTimeout,
  reset,
  resetHandshake,
  say,
  stay,
  type Expected,
  type Fault,
} from './fault.ts'

const refusal: Expected = { error: 'ProxyError' }
const timeout: Expected = { error: 'ConnectTimeoutError' }
const verify = tlsFixture('ca.pem')
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'
const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
const noise = say(Buffer.from([0x80, 0xff, 0, 1, 2, 0x16, 3, 1]))

type Act = (peer: Peer) => unknown

/** What a proxy can do in the middle of TLS with the origin, or before it. */
const tunnelFaults: readonly [name: string, act: Act, expected: Expected, options?: Fault['options']][] = [
  ['close-in-tunnel', close, { error: 'SSLError' }],
  ['reset-in-tunnel', resetHandshake, { error: 'ConnectionError' }],
  ['noise-in-tunnel', noise, { error: 'SSLError' }],
  ['text-in-tunnel', say('HTTP/1.1 502 Bad Gateway\r\n\r\n', close), { error: 'SSLError' }],
  ['silence-in-tunnel', stay, timeout, connectTimeout],
]

/** Faults of origins, met through a tunnel that is good itself. */
const behindTunnel: readonly [target: string, expected: Expected, options?: Fault['options']][] = [
  ['tls-expired', { error: 'SSLError' }, { verify }],
  ['tls-self-signed', { error: 'SSLError' }],
  ['tls-silence', timeout, connectTimeout],
  ['tls-close-before-headers', { error: 'ConnectionError' }, { verify }],
  ['tls-silence-before-headers', { error: 'ReadTimeoutError' }, { ...readTimeout, verify }],
  ['tls-close-in-body', { status: 200, error: 'ChunkedEncodingError' }, { verify }],
]

const onConnect =
  (act: Act): Act =>
  async (peer) =>
    (await peer.request()) === undefined ? undefined : act(peer)

/** A CONNECT that is granted; what comes then gets the port that was asked for. */
const granting =
  (act: (peer: Peer, port: number) => unknown, first = ''): Act =>
  async (peer) => {
    const request = await peer.request()
    if (request === undefined) return
    await drip(`${first}HTTP/1.1 200 Connection established\r\n\r\n`)(peer)
    await act(peer, Number(/^CONNECT \S+:(\d+)/.exec(request)?.[1]))
  }

function httpProxy(name: string, script: Act, expected: Expected, more?: Partial<Fault>): Fault {
  return {
    name: `http-proxy-${name}`,
    place: 'http-proxy',
    script,
    expected,
    ...more,
    options: { verify, ...more?.options },
  }
}

const onConnectFaults: readonly [name: string, act: Act, expected: Expected, options?: Fault['options']][] = [
  ['close', close, refusal],
  ['reset', reset, refusal],
  ['noise', noise, refusal],
  ['text', say('hello\r\n\r\n'), refusal],
  ['wrong-version', say('HTTP/4.2 200 Fine\r\n\r\n'), refusal],
  ['socks', say(Buffer.from([5, 0])), refusal],
  ['half-a-head', say('HTTP/1.1 200 Connection est', close), refusal],
  ['head-without-end', flood('HTTP/1.1 200 OK\r\n', 'X: y\r\n'.repeat(100)), refusal],
  ['silence', stay, timeout, connectTimeout],
  ['slow-head', say('HTTP/1.1 200 Connection est'), timeout, connectTimeout],
  ['403', say(answer('no', {}, '403 Forbidden')), refusal],
  ['407', say(answer('who are you?', { 'Proxy-Authenticate': 'Basic' }, '407 Who')), refusal],
  ['502', say(answer('gone', {}, '502 Bad Gateway')), refusal],
  ['100', say(goOn), refusal],
  ['100-and-close', say(goOn, close), refusal],
  ['100-without-end', flood('', goOn), refusal],
  ['100-and-403', say(goOn + answer('no', {}, '403 Forbidden').toString()), refusal],
  ['100-and-silence-in-it', say(goOn.slice(0, 20)), timeout, connectTimeout],
  ['103-and-silence', say(hint), timeout, connectTimeout],
  ['101', say('HTTP/1.1 101 Switching\r\n\r\n'), refusal],
]

/** What may be said before a CONNECT is granted. */
const firstWords: readonly [name: string, first: string][] = [
  ['100', goOn],
  ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ['103', hint],
  ['several', hint + goOn + goOn.replace('1.1', '1.0') + hint],
]

/** Without a tunnel: what the proxy answers is the response. */
const clearFaults: readonly [name: string, script: Act, expected: Expected, options?: Fault['options']][] = [
  ['close', onConnect(close), { error: 'ConnectionError' }],
  ['reset', onConnect(reset), { error: 'ConnectionError' }],
  ['noise', onConnect(noise), { error: 'ConnectionError' }],
  ['silence', onConnect(stay), { error: 'ReadTimeoutError' }, readTimeout],
  ['407', always(answer('who are you?', {}, '407 Who')), { status: 407, text: 'who are you?' }],
  ['502', always(answer('gone', {}, '502 Bad Gateway')), { status: 502, text: 'gone' }],
  ['100-first', always(Buffer.concat([Buffer.from(goOn + hint), answer('fine')])), { status: 200 }],
  [
    'close-in-body',
    onConnect(say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', close)),
    { status: 200, error: 'ChunkedEncodingError' },
  ],
]

export const httpProxyFaults: readonly Fault[] = [
  httpProxy('refused', stay, refusal, { place: 'refused-http-proxy' }),
  httpProxy('clear-refused', stay, refusal, { place: 'refused-http-proxy', target: 'http' }),
  httpProxy('close-at-once', close, refusal),
  ...onConnectFaults.map(([name, act, expected, options]) => httpProxy(name, onConnect(act), expected, { options })),
  ...tunnelFaults.map(([name, act, expected, options]) => httpProxy(name, granting(act), expected, { options })),
  ...behindTunnel.map(([target, expected, options]) =>
    httpProxy(
      `to-${target}`,
      granting((peer, port) => peer.relay(port)),
      expected,
      { target, options },
    ),
  ),
  ...firstWords.map(([name, first]) =>
    httpProxy(
      `${name}-first`,
      granting((peer, port) => peer.relay(port), first),
      { status: 200 },
    ),
  ),
  ...clearFaults.map(([name, act, expected, options]) =>
    httpProxy(`clear-${name}`, act, expected, { options, target: 'http' }),
  ),
  httpProxy('tls-none', say('HTTP/1.1 400 Bad Request\r\n\r\n', close), refusal, { place: 'https-proxy' }),
  httpProxy('tls-expired', close, refusal, {
    place: 'https-proxy',
    secure: { cert: tlsFixture('expired.pem'), key: tlsFixture('expired.key') },
  }),
  httpProxy('tls-silence', stay, timeout, { place: 'https-proxy', options: connectTimeout }),
  httpProxy('tls-407', onConnect(say(answer('no', {}, '407 Who'))), refusal, { place: 'https-proxy', secure: {} }),
]

export { behindTunnel, tunnelFaults }
