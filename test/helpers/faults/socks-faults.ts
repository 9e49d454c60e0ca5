import { answer, type Peer } from '../fault-server.ts'
import { tlsFixture } from '../tls.ts'
import { close, connectTimeout, readTimeout, reset, say, stay, type Expected, type Fault } from './fault.ts'
import { behindTunnel, tunnelFaults } from './proxy-faults.ts'

const refusal: Expected = { error: 'ProxyError' }
const timeout: Expected = { error: 'ConnectTimeoutError' }
const fine = answer('fine').toString()
const verify = tlsFixture('ca.pem')

type Act = (peer: Peer, port: number) => unknown
type Step = 'greeting' | 'password' | 'connect' | 'tunnel'

/** Plays by the rules (RFC 1928, 1929) up to a step, whose answer is another's. */
const until =
  (step: Step, act: Act, asksForPassword = step === 'password'): Fault['script'] =>
  async (peer) => {
    const [, methods = 0] = await peer.take(2)
    await peer.take(methods)
    if (step === 'greeting') return act(peer, 0)
    await peer.write(Buffer.from([5, asksForPassword ? 2 : 0]))
    if (asksForPassword) {
      await peer.take((await peer.take(2))[1] ?? 0)
      await peer.take((await peer.take(1))[0] ?? 0)
      if (step === 'password') return act(peer, 0)
      await peer.write(Buffer.from([1, 0]))
    }
    const type = (await peer.take(4))[3]
    await peer.take(type === 1 ? 4 : type === 4 ? 16 : ((await peer.take(1))[0] ?? 0))
    const port = await peer.take(2)
    if (port.length < 2) return undefined
    if (step === 'connect') return act(peer, port.readUInt16BE())
    await peer.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]))
    return act(peer, port.readUInt16BE())
  }

/** What can be done instead of any answer. */
const instead: readonly [name: string, act: Act, expected: Expected, options?: Fault['options']][] = [
  ['close', close, refusal],
  ['reset', reset, refusal],
  ['silence', stay, timeout, connectTimeout],
  ['half-an-answer', say(Buffer.from([5])), timeout, connectTimeout],
  ['half-an-answer-and-close', say(Buffer.from([5]), close), refusal],
  ['text', say('HTTP/1.1 400 Bad Request\r\n\r\n'), refusal],
  ['wrong-version', say(Buffer.from([4, 0, 0, 1, 127, 0, 0, 1, 0, 0])), refusal],
]

const answers: readonly [step: Step, name: string, bytes: number[]][] = [
  ['greeting', 'no-method', [5, 0xff]],
  ['greeting', 'method-not-offered', [5, 1]],
  ['password', 'wrong-password', [1, 1]],
  ...Array.from({ length: 9 }, (_, code): [Step, string, number[]] => [
    'connect',
    `reply-${code + 1}`,
    [5, code + 1, 0, 1, 127, 0, 0, 1, 0, 0],
  ]),
]

function socks(name: string, script: Fault['script'], expected: Expected, more?: Partial<Fault>): Fault {
  return {
    name: `socks-${name}`,
    place: 'socks-proxy',
    script,
    expected,
    ...more,
    options: { verify, ...more?.options },
  }
}

const onRequest =
  (act: (peer: Peer) => unknown): Act =>
  async (peer) =>
    (await peer.request()) === undefined ? undefined : act(peer)

const steps: readonly Step[] = ['greeting', 'password', 'connect']

export const socksFaults: readonly Fault[] = [
  socks('refused', stay, refusal, { place: 'refused-socks-proxy' }),
  socks('close-at-once', close, refusal),
  ...steps.flatMap((step) =>
    instead.map(([name, act, expected, options]) => socks(`${step}-${name}`, until(step, act), expected, { options })),
  ),
  ...answers.map(([step, name, bytes]) => socks(`${step}-${name}`, until(step, say(Buffer.from(bytes))), refusal)),
  ...tunnelFaults.map(([name, act, expected, options]) => socks(name, until('tunnel', act), expected, { options })),
  ...behindTunnel.map(([target, expected, options]) =>
    socks(
      `to-${target}`,
      until('tunnel', async (peer, port) => peer.relay(port)),
      expected,
      { target, options },
    ),
  ),
  // Taken for a grant; the rest of it is no TLS.
  socks('connect-unknown-address-type', until('connect', say(Buffer.from([5, 0, 0, 9, 127, 0, 0, 1, 0, 0]))), {
    error: 'SSLError',
  }),
  socks('clear-close', until('tunnel', onRequest(close)), { error: 'ConnectionError' }, { target: 'http' }),
  socks('clear-reset', until('tunnel', onRequest(reset)), { error: 'ConnectionError' }, { target: 'http' }),
  socks(
    'clear-100-first',
    until('tunnel', onRequest(say(`HTTP/1.1 100 Continue\r\n\r\n${fine}`))),
    { status: 200 },
    { target: 'http' },
  ),
  socks('clear-text', until('tunnel', say('hello\r\n\r\n')), { error: 'ConnectionError' }, { target: 'http' }),
  socks(
    'clear-silence',
    until('tunnel', stay),
    { error: 'ReadTimeoutError' },
    { target: 'http', options: readTimeout },
  ),
]
