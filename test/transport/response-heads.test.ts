import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { ExchangeResponse } from '../../src/transport/exchange.ts'
import { readAll, TestConnections, type RequestPart } from '../helpers/exchanges.ts'
import { splits, wired } from '../helpers/wire.ts'

const ok = 'HTTP/1.1 200 OK\r\n'
const fine = ok + 'Content-Length: 4\r\n\r\nfine'
const chunked = ok + 'Transfer-Encoding: chunked\r\n\r\n'
const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** What comes of an answer in these segments, in one comparable text. */
async function outcomeOf(segments: readonly Buffer[], end: boolean, part: RequestPart = {}): Promise<unknown> {
  const transport = new TestConnections({ connect: wired({ segments, end }) })
  try {
    const response = await transport.fetch('http://wire.test/', { readTimeout: 30_000, ...part })
    return await shown(response)
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  } finally {
    await transport.close()
  }
}

async function shown({ status, statusText, headers, content, stream, failure }: ExchangeResponse): Promise<unknown> {
  const body = stream === undefined ? content : await readAll(stream)
  return { status, statusText, headers, body: Buffer.from(body).toString('latin1'), failure: failure?.message }
}

const good = (more: object = {}): object =>
  expect.objectContaining({ status: 200, statusText: 'OK', body: 'fine', ...more })
const noResponse = (reason: string): string => `ConnectionError: No response from http://wire.test: ${reason}`
const mismatch = (reason: string): string => noResponse(`Response does not match the HTTP/1.1 protocol (${reason})`)
const malformed = expect.stringMatching(
  /^ConnectionError: No response from \S+: the headers are malformed: a Content-Length [^()]+$/,
) as string

/** Answers, and what they are, however they are split; with `end`, the server closes behind them. */
const answers: [name: string, answer: string, expected: unknown, end?: boolean][] = [
  ['a usual response', fine, good({ headers: { 'content-length': '4' } })],
  ['a reason of two words', fine.replace('200 OK', '404 Not Found'), good({ status: 404, statusText: 'Not Found' })],
  ['no reason', fine.replace(' OK', ''), good({ statusText: '' })],
  ['an empty reason', fine.replace('OK', ''), good({ statusText: '' })],
  ['a reason that does not fit', fine.replace('OK', 'x'.repeat(200)), good({ statusText: 'x'.repeat(200) })],
  ['a reason in UTF-8', fine.replace('OK', 'Gr\xc3\xb6\xc3\x9fe'), good({ statusText: 'Größe' })],
  ['a reason in latin1', fine.replace('OK', 'Gr\xf6\xdfe'), good({ statusText: 'Größe' })],
  ['HTTP/1.0', fine.replace('HTTP/1.1', 'HTTP/1.0'), good()],
  ['empty lines first', '\r\n\r\n' + fine, good()],
  ['status 299', fine.replace('200', '299'), good({ status: 299 })],
  ['status 600', fine.replace('200', '600'), good({ status: 600 })],
  ['status 999', fine.replace('200', '999'), good({ status: 999 })],
  ['headers without a value', fine.replace('\r\n', '\r\nA:\r\nB: \r\n'), good()],
  ['headers that are repeated', fine.replace('\r\n', '\r\nA: 1\r\na: 2\r\n__proto__: x\r\nConstructor: y\r\n'), good()],
  ['a chunked body', chunked + '4;a=b;c="d"\r\nfine\r\n0\r\nX: y\r\n\r\n', good()],
  ['a body without a length', ok + '\r\nfine', good(), true],
  ['a second response', fine + fine.replace('fine', 'evil'), good()],

  ['100 first', goOn + fine, good({ headers: { 'content-length': '4' } })],
  ['several 100 first', goOn + goOn + goOn + fine, good()],
  ['103, then 100', hint + goOn + fine, good({ headers: { 'content-length': '4' } })],
  ['100 with headers', goOn.replace('\r\n', '\r\nContent-Length: 4\r\nConnection: close\r\n') + fine, good()],
  ['100 of HTTP/1.0', goOn.replace('1.1', '1.0') + fine.replace('1.1', '1.0'), good()],
  ['100 without a reason', goOn.replace(' Continue', '') + fine, good()],
  ['103 with chunks', hint.replace('Link: </a>', 'Transfer-Encoding: chunked') + fine, good()],
  ['103 that closes', hint.replace('Link: </a>', 'Connection: close') + fine, good()],
  ['150 and 199', hint.replace('103', '150') + hint.replace('103', '199') + fine, good()],
  ['100 before chunks', goOn + chunked + '4\r\nfine\r\n0\r\n\r\n', good()],
  ['100 and no more', goOn, noResponse('the connection was closed (UND_ERR_SOCKET)'), true],
  ['half a 100', goOn.slice(0, 15), noResponse('the connection was closed (UND_ERR_SOCKET)'), true],
  ['half a status line', ok.slice(0, 11), noResponse('the connection was closed (UND_ERR_SOCKET)'), true],

  ['101', hint.replace('103', '101') + fine, noResponse('a switch of protocols that nobody asked for')],
  [
    '101 with Upgrade',
    hint.replace('103', '101').replace('Link: </a>', 'Connection: upgrade\r\nUpgrade: x'),
    noResponse('a switch of protocols that nobody asked for'),
  ],
  ...['000', '001', '099'].map((status): [string, string, unknown] => [
    `status ${status}`,
    fine.replace('200', status),
    mismatch(`there is no status ${status}`),
  ]),
  ...['20', '2000', '20x', '+200', '-200', ''].map((status): [string, string, unknown] => [
    `status "${status}"`,
    fine.replace('200', status),
    mismatch('malformed status line'),
  ]),
  ...['HTTP/0.9', 'HTTP/1.2', 'HTTP/2', 'HTTP/2.0', 'HTTP/3.0'].map((version): [string, string, unknown] => [
    version,
    fine.replace('HTTP/1.1', version),
    mismatch(`expected HTTP/1.1, got ${version}`),
  ]),
  ...['RTSP/1.0', 'ICE/1.0', 'SSH-2.0-x', 'http/1.1', ' HTTP/1.1', '<html>'].map((start): [string, string, unknown] => [
    `${start} in place of HTTP`,
    fine.replace('HTTP/1.1', start),
    mismatch('it does not begin with HTTP/1'),
  ]),
  ['an alert of TLS', '\x15\x03\x01\x00\x02\x02\x46', mismatch('it does not begin with HTTP/1, but looks like TLS')],
  ['line feeds alone', fine.replaceAll('\r\n', '\n'), mismatch('Missing expected CR after response line')],
  ['carriage returns alone', fine.replaceAll('\r\n', '\r'), mismatch('Expected LF after CR')],

  ['Content-Length twice', fine.replace('\r\n\r\n', '\r\nContent-Length: 4\r\n\r\n'), malformed],
  ['two lengths', fine.replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\n'), malformed],
  ['a list of lengths', fine.replace(' 4', ' 4, 4'), malformed],
  [
    'Content-Length beside chunked',
    chunked.replace('\r\n', '\r\nContent-Length: 4\r\n') + '4\r\nfine\r\n0\r\n\r\n',
    malformed,
  ],
  ['a length beyond all numbers', fine.replace(' 4', ' '.padEnd(32, '9')), malformed],
  ['no header behind a length', fine.replace('\r\n\r\n', '\r\nBad line\r\n\r\n'), malformed],
  ['no name behind a length', fine.replace('\r\n\r\n', '\r\n: x\r\n\r\n'), malformed],
  ['a folded header', fine.replace('\r\n', '\r\nX: a\r\n b\r\n'), mismatch('Unexpected whitespace after header value')],
  ['no name', fine.replace('\r\n', '\r\n: x\r\n'), mismatch('Invalid header token')],
]

describe('exchange() with an answer in segments', () => {
  it.each(answers)('comes to the same, however they are cut: %s', async (_name, answer, expected, end = false) => {
    const bytes = latin1(answer)
    const whole = await outcomeOf([bytes], end)
    expect(whole).toEqual(expected)
    for (const segments of splits(bytes)) expect(await outcomeOf(segments, end)).toEqual(whole)
  })

  it.each(answers)('comes to the same, streamed: %s', async (_name, answer, expected, end = false) => {
    const bytes = latin1(answer)
    for (const segments of [[bytes], ...splits(bytes)]) {
      expect(await outcomeOf(segments, end, { stream: true })).toEqual(expected)
    }
  })

  it.each([
    ['a response', 'HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nx', { status: 404, statusText: 'Not Found', body: 'x' }],
    [
      '100 and a response',
      'HTTP/1.1 100\r\n\r\nHTTP/1.1 404 Un\xf6\r\n\r\nx',
      { status: 404, statusText: 'Unö', body: 'x' },
    ],
    ['chunks', 'HTTP/1.1 200\r\nTransfer-Encoding:chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n', { status: 200, body: 'x' }],
  ])('comes to the same in three segments: %s', async (_name, answer, expected) => {
    for (const segments of splits(latin1(answer), 3)) {
      expect(await outcomeOf(segments, true)).toMatchObject(expected)
    }
  })
})

describe('exchange() with a head that has no end', () => {
  it.each([
    ['empty lines', '', '\r\n'],
    ['a reason', 'HTTP/1.1 200 ', 'x'.repeat(1000)],
    ['blanks before a value', `${ok}X:`, ' '.repeat(1000)],
    ['headers of a 103', hint.slice(0, -2), 'X: y\r\n'.repeat(100)],
  ])('ends it: %s', async (_name, start, more) => {
    const segments = [start, ...Array<string>(1_000).fill(more)].map(latin1)
    const small = { connect: wired({ segments }), maxHeaderSize: 100 }
    const transport = new TestConnections(small)
    const error = await transport.failure('http://wire.test/')
    expect(error.message).toBe('No response from http://wire.test: the headers are too large')
    await transport.close()
  })

  it('ends informational responses by their number, not by the bytes of all', async () => {
    const long = hint.replace('</a>', `</${'a'.repeat(8_000)}>`)
    expect(await outcomeOf([latin1(long.repeat(100) + fine)], false)).toEqual(good())
    expect(await outcomeOf([latin1(hint.repeat(101) + fine)], false)).toBe(
      noResponse('more than 100 informational responses'),
    )
  })

  it('takes the body that comes with the headers for no header', async () => {
    const large = latin1(`${ok}Content-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`)
    for (const at of [10, 30, 500_000]) {
      const outcome = await outcomeOf([large.subarray(0, at), large.subarray(at)], false)
      expect((outcome as { body: string }).body).toHaveLength(1_000_000)
    }
  })
})

describe('exchange() on a socket of an odd kind', () => {
  it('takes text for bytes', async () => {
    const segments = [goOn, fine.slice(0, 12), fine.slice(12)] as unknown as Buffer[]
    expect(await outcomeOf(segments, false)).toEqual(good())
  })

  it('asks one that is pulled for more while it holds half a line', async () => {
    const parts = ['HTTP/1.1 20', '0 O', 'K\r\nContent-Length: 4\r\n\r\n', 'fine']
    let isAsked = false
    const socket: Duplex = new Duplex({
      // Gives one part for each time that it is asked.
      read() {
        const part = isAsked ? parts.shift() : undefined
        if (part !== undefined) setImmediate(() => socket.push(part))
      },
      write(_chunk, _encoding, done) {
        isAsked = true
        done()
        setImmediate(() => socket.push(parts.shift()))
      },
    })
    const transport = new TestConnections({
      connect: (_options, callback) => callback(null, socket as unknown as Socket),
    })
    expect(await shown(await transport.fetch('http://wire.test/'))).toEqual(good())
    await transport.close()
  })
})
