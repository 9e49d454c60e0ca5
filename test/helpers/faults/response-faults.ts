import { answer } from '../fault-server.ts'
import { close, drip, flood, readTimeout, reset, say, stay, type Expected, type Fault } from './fault.ts'

const ok = 'HTTP/1.1 200 OK\r\n'
const fine = answer('fine').toString()
const sized = ok + 'Content-Length: 10\r\n\r\n'
const chunked = ok + 'Transfer-Encoding: chunked\r\n\r\n'
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n'
const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
const closing = ok + 'Connection: close\r\n'
const old = 'HTTP/1.0 200 OK\r\n'
const inChunks = 'Transfer-Encoding: chunked\r\n\r\n'
const gzipHead = ok + 'Content-Encoding: gzip\r\n\r\n'
const good: Expected = { status: 200 }
/** More than is held for a reader, and less than the kernel takes without one. */
const long = 'many bytes'.repeat(15_000)
const longChunk = `${long.length.toString(16)}\r\n${long}\r\n`
const wholeLong: Expected = { status: 200, text: long }
const noResponse: Expected = { error: 'ConnectionError' }
const brokenBody: Expected = { status: 200, error: 'ChunkedEncodingError' }
const silentHead: Expected = { error: 'ReadTimeoutError' }
const silentBody: Expected = { status: 200, error: 'ReadTimeoutError' }

type Row = readonly [name: string, script: Fault['script'], expected: Expected, more?: Partial<Fault>]

const rows: readonly Row[] = [
  ['reset-before-headers', reset, noResponse],
  ['close-before-headers', close, noResponse],
  ['reset-inside-headers', say(ok + 'Content-Le', reset), noResponse],
  ['close-inside-headers', say(ok + 'Content-Le', close), noResponse],
  ['close-inside-status-line', say('HTTP/1.1 20', close), noResponse],
  ['reset-after-headers', say(sized, reset), brokenBody],
  ['close-after-headers', say(sized, close), brokenBody],
  ['close-in-sized-body', say(sized + 'half', close), brokenBody],
  ['reset-in-sized-body', say(sized + 'half', reset), brokenBody],
  ['close-in-chunked-body', say(chunked + '4\r\nhalf\r\n', close), brokenBody],
  ['reset-in-chunked-body', say(chunked + '4\r\nhalf\r\n', reset), brokenBody],
  ['close-inside-chunk', say(chunked + '10\r\nhalf', close), brokenBody],
  ['no-chunk', say(chunked + '4\r\nhalf\r\nzz\r\n', close), brokenBody],
  ['chunk-without-end', say(chunked + '4\r\nhalf and more\r\n0\r\n\r\n', close), brokenBody],
  ['text', say('hello world\r\n\r\n', close), noResponse],
  ['noise', say(Buffer.from([0x80, 0xff, 0, 1, 2, 0x16, 3, 1]), close), noResponse],
  ['noise-and-silence', say(Buffer.from([0x80, 0xff, 0, 1, 2, 0x16, 3, 1])), noResponse],
  ['wrong-version', say(fine.replace('HTTP/1.1', 'HTTP/4.2')), noResponse],
  ['two-lengths', say(fine.replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\n')), noResponse],
  ['length-that-is-none', say(fine.replace('Length: 4', 'Length: four')), noResponse],
  ['switched-protocols', say('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n'), noResponse],
  ['switched-without-a-word', say('HTTP/1.1 101 Switching\r\n\r\n'), noResponse],
  ['bare-100', say(goOn), noResponse],
  ['bare-100-and-close', say(goOn, close), noResponse],
  ['bare-100-and-reset', say(goOn, reset), noResponse],
  ['100-first', say(goOn + fine), good],
  ['100-first-by-itself', say(goOn, say(fine)), good],
  ['100-first-in-pieces', drip(goOn + hint + goOn + fine), good],
  ['100-first-of-http-1.0', say(goOn.replace('1.1', '1.0') + 'HTTP/1.0 200 OK\r\n\r\nfine', close), good],
  ['100-first-and-connection-close', say(goOn.replace('\r\n', '\r\nConnection: close\r\n') + fine), good],
  ['100-first-to-a-head', say(goOn + fine.replace('fine', '')), { status: 200, text: '' }, { method: 'HEAD' }],
  ['100-first-to-a-body', say(goOn, say(fine)), good, { method: 'POST', options: { data: 'body' } }],
  ['100-first-and-no-content', say(goOn + 'HTTP/1.1 204 No Content\r\n\r\n'), { status: 204, text: '' }],
  ['100-first-and-broken-body', say(goOn + sized + 'half', close), brokenBody],
  ['100-between-103', say(hint + goOn + hint + fine), good],
  ['100-without-end', flood('', goOn), noResponse],
  ['103-without-end', flood('', hint), noResponse],
  ['103-of-headers-without-end', flood(hint.slice(0, -2), `X: ${'x'.repeat(1000)}\r\n`), noResponse],
  ['status-000', say(fine.replace('200', '000')), noResponse],
  ['status-099', say(fine.replace('200', '099')), noResponse],
  ['status-999', say(fine.replace('200', '999')), { status: 999 }],
  ['rtsp', say(fine.replace('HTTP/1.1', 'RTSP/1.0')), noResponse],
  ['http-0.9', say(fine.replace('HTTP/1.1', 'HTTP/0.9')), noResponse],
  ['http-2', say(fine.replace('HTTP/1.1', 'HTTP/2.0')), noResponse],
  ['half-a-status-line-and-silence', say('HTTP/1.1 20'), silentHead, { options: readTimeout }],
  ['empty-lines-first', say('\r\n\r\n' + fine), good],
  ['empty-lines-without-end', flood('', '\r\n'.repeat(1000)), noResponse],
  ['reason-without-end', flood('HTTP/1.1 200 ', 'x'.repeat(1000)), noResponse],
  ['blanks-without-end', flood(ok + 'X:', ' '.repeat(1000)), noResponse],
  [
    'length-beside-chunks',
    say(chunked.replace('\r\n', '\r\nContent-Length: 4\r\n') + '4\r\nfine\r\n0\r\n\r\n'),
    noResponse,
  ],
  ['102-first', say('HTTP/1.1 102 Processing\r\n\r\n' + fine), good],
  ['103-first', say('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(3) + fine), good],
  ['103-and-close', say('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', close), noResponse],
  ['103-and-silence', say('HTTP/1.1 103 Early Hints\r\n\r\n'), silentHead, { options: readTimeout }],
  ['silence', stay, silentHead, { options: readTimeout }],
  ['slow-headers', say(ok + 'Content-Le'), silentHead, { options: readTimeout }],
  ['slow-headers-in-two-parts', say(ok + 'Conte', say('nt-Le')), silentHead, { options: readTimeout }],
  ['slow-body', say(sized + 'half'), silentBody, { options: readTimeout }],
  ['slow-chunks', say(chunked + '4\r\nhalf\r\n'), silentBody, { options: readTimeout }],
  ['slow-end', say(chunked + '4\r\nfine\r\n'), silentBody, { options: readTimeout }],
  ['half-close-before-headers', say('', close), noResponse],
  ['half-close-after-response', say(fine, close), good],
  ['connection-close', say(fine.replace('\r\n', '\r\nConnection: close\r\n'), close), good],
  ['connection-close-left-open', say(fine.replace('\r\n', '\r\nConnection: close\r\n')), good],
  ['until-the-end', say(ok + '\r\nfine', close), good],
  ['http-1.0', say('HTTP/1.0 200 OK\r\n\r\nfine', close), good],
  ['reset-without-length', say(ok + '\r\nid,amount\n1,100\n2,1', reset), brokenBody],
  ['reset-without-length-or-body', say(ok + '\r\n', reset), brokenBody],
  ['reset-http-1.0', say(old + '\r\nhalf', reset), brokenBody],
  ['reset-gzip-without-length', say(gzipHead + 'half', reset), brokenBody],
  ['reset-after-sized-body', say(fine, reset), good],
  ['reset-after-the-last-sized-body', say(closing + 'Content-Length: 4\r\n\r\nfine', reset), good],
  ['reset-after-chunked-body', say(chunked + '4\r\nfine\r\n0\r\n\r\n', reset), good],
  ['reset-after-204', say(closing.replace('200 OK', '204 No Content') + '\r\n', reset), { status: 204, text: '' }],
  ['paused-and-ended', say(old + '\r\n' + long, close), wholeLong],
  ['paused-and-ended-sized', say(closing + `Content-Length: ${long.length}\r\n\r\n${long}`, close), wholeLong],
  ['paused-and-ended-idle', say(ok + `Content-Length: ${long.length}\r\n\r\n${long}`, close), wholeLong],
  ['paused-and-ended-too-early', say(closing + `Content-Length: 999999\r\n\r\n${long}`, close), brokenBody],
  ['paused-and-ended-in-chunks', say(closing + `${inChunks}${longChunk}`, close), brokenBody],
  ['paused-and-reset', say(old + '\r\n' + long, reset), brokenBody],
  ['paused-and-reset-too-early', say(closing + `Content-Length: 999999\r\n\r\n${long}`, reset), brokenBody],
  ['paused-and-reset-in-chunks', say(closing + `${inChunks}${longChunk}`, reset), brokenBody],
  ['nothing-in-chunks', say(chunked + '0\r\n\r\n'), { status: 200, text: '' }],
  ['nothing-and-the-end', say(ok + '\r\n', close), { status: 200, text: '' }],
  ['too-much-after-the-response', say(fine + 'and then some'), good],
  ['body-of-a-head', say(fine), { status: 200, text: '' }, { method: 'HEAD' }],
  ['body-of-a-204', say(answer('not for you', {}, '204 No Content')), { status: 204, text: '' }],
  ['length-of-a-304', say('HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'), { status: 304, text: '' }],
  ['headers-without-end', flood(ok, `X: ${'x'.repeat(1000)}\r\n`), noResponse],
  ['oversized-header', say(fine.replace('\r\n', `\r\nX: ${'x'.repeat(100_000)}\r\n`)), noResponse],
  ['a-thousand-headers', say(fine.replace('\r\n', '\r\nX: y\r\n' + 'A: b\r\n'.repeat(999))), good],
  ['ten-thousand-headers', say(fine.replace('\r\n', '\r\n' + 'A: b\r\n'.repeat(10_000))), noResponse],
  ['service-unavailable', say(answer('later', {}, '503 Service Unavailable')), { status: 503, text: 'later' }],
  ['redirect-with-broken-body', say(redirect('Content-Length: 10\r\n', 'half'), close), good],
  ['redirect-with-broken-chunks', say(redirect('Transfer-Encoding: chunked\r\n', '4\r\nhalf\r\n'), close), good],
  ['redirect-with-silent-body', say(redirect('Content-Length: 10\r\n', 'half')), good, { options: readTimeout }],
  ['redirect-with-corrupt-body', say(redirect('Content-Encoding: gzip\r\nContent-Length: 4\r\n', 'half')), good],
  [
    'redirect-in-circles',
    say('HTTP/1.1 302 Found\r\nLocation: redirect-in-circles\r\nContent-Length: 0\r\n\r\n'),
    { error: 'TooManyRedirectsError' },
    { options: { maxRedirects: 3 } },
  ],
  [
    'redirect-to-nowhere',
    say('HTTP/1.1 302 Found\r\nLocation: http://[/\r\nContent-Length: 0\r\n\r\n'),
    { error: 'InvalidURLError' },
  ],
  [
    'larger-than-allowed',
    say(ok + 'Content-Length: 100\r\n\r\nhalf'),
    { error: 'ResponseTooLargeError' },
    { options: { maxResponseSize: 99 } },
  ],
  [
    'larger-than-it-said',
    say(chunked + '64\r\n' + 'x'.repeat(100)),
    { status: 200, error: 'ResponseTooLargeError' },
    { options: { maxResponseSize: 99 } },
  ],
  [
    'endless',
    flood(ok + '\r\n', 'x'.repeat(1000)),
    { status: 200, error: 'ResponseTooLargeError' },
    { options: { maxResponseSize: 100_000 } },
  ],
]

/** What a server may do to a response. */
export const responseFaults: readonly Fault[] = rows.map(([name, script, expected, more]) => ({
  name,
  place: 'path',
  script,
  expected,
  ...more,
}))

const idle =
  (end: Fault['script']): Fault['script'] =>
  async (peer, request) => {
    await peer.request()
    await peer.write(fine)
    await end(peer, request)
  }

/** What it does with connections, whatever the request. */
export const serverFaults: readonly Fault[] = [
  { name: 'refused', place: 'refused', script: stay, expected: noResponse },
  {
    name: 'black-hole',
    place: 'black-hole',
    script: stay,
    expected: { error: 'ConnectTimeoutError' },
    options: { timeout: { connect: 150 } },
  },
  { name: 'greeting', place: 'server', script: say('220 mail.test ESMTP\r\n'), expected: noResponse },
  { name: 'closed-at-once', place: 'server', script: close, expected: noResponse },
  { name: 'reset-at-once', place: 'server', script: reset, expected: noResponse },
  // The next request finds a connection that only looks good.
  { name: 'idle-socket-closed', place: 'server', script: idle(close), expected: good },
  { name: 'idle-socket-reset', place: 'server', script: idle(reset), expected: good },
  {
    name: 'idle-socket-reset-when-used',
    place: 'server',
    script: idle(async (peer) => (await peer.request()) && peer.reset()),
    expected: good,
  },
]

function redirect(header: string, body: string): string {
  return `HTTP/1.1 302 Found\r\nLocation: fine\r\n${header}\r\n${body}`
}
