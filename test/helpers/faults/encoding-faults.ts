import zlib from 'node:zlib'
import { answer } from '../fault-server.ts'
import { say, type ErrorName, type Fault } from './fault.ts'

type Encoder = (bytes: Buffer) => Buffer

/** From Node 22.15 on. */
const { zstdCompressSync } = zlib as unknown as { zstdCompressSync?: Encoder }

const encoders: Readonly<Record<string, { coding: string; encode: Encoder }>> = {
  gzip: { coding: 'gzip', encode: zlib.gzipSync },
  deflate: { coding: 'deflate', encode: zlib.deflateSync },
  'raw-deflate': { coding: 'deflate', encode: zlib.deflateRawSync },
  br: {
    coding: 'br',
    encode: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  },
  ...(zstdCompressSync && { zstd: { coding: 'zstd', encode: zstdCompressSync } }),
}

const statuses: Readonly<Record<number, string>> = { 200: 'OK', 302: 'Found', 404: 'Not Found', 503: 'Unavailable' }
const body = Buffer.from('A text that gets shorter, gets shorter, gets shorter. '.repeat(20))
const zeros = Buffer.alloc(16 * 1024 * 1024)

const spoilt: readonly [name: string, spoil: (whole: Buffer) => Uint8Array, error: ErrorName | undefined][] = [
  ['truncated', (whole) => whole.subarray(0, whole.length - 9), 'ContentDecodingError'],
  ['cut-to-a-byte', (whole) => whole.subarray(0, 1), 'ContentDecodingError'],
  [
    'corrupt',
    (whole) => whole.map((byte, index) => (index < whole.length / 2 ? byte : byte ^ 0x5a)),
    'ContentDecodingError',
  ],
  ['empty', () => Buffer.alloc(0), undefined],
]

/** Bodies that are not what their Content-Encoding says, on a status of each class. */
function spoiltFaults(): Fault[] {
  return Object.entries(encoders).flatMap(([encoding, { coding, encode }]) =>
    spoilt.flatMap(([how, spoil, error]) =>
      Object.entries(statuses).map(([status, text]): Fault => {
        const bytes = spoil(encode(body))
        return {
          name: `${encoding}-${how}-${status}`,
          place: 'path',
          script: say(answer(bytes, { 'Content-Encoding': coding }, `${status} ${text}`)),
          expected: { status: Number(status), ...(error === undefined ? { text: '' } : { error }) },
        }
      }),
    ),
  )
}

/** Where there is no body, there is nothing to decode. */
function bodilessFaults(): Fault[] {
  const headers = (status: string): Buffer => answer('', { 'Content-Encoding': 'gzip' }, status)
  const head = answer('x'.repeat(100), { 'Content-Encoding': 'gzip' }).subarray(0, -100)
  const fault = (name: string, status: number, bytes: Buffer, method = 'GET'): Fault => ({
    name: `gzip-on-${name}`,
    place: 'path',
    script: say(bytes),
    expected: { status, text: '' },
    method,
  })
  return [
    fault('a-head', 200, head, 'HEAD'),
    fault('204', 204, Buffer.from('HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n')),
    fault('205', 205, headers('205 Reset Content')),
    fault('304', 304, Buffer.from('HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n')),
  ]
}

/** A little that becomes very much. */
function bombFaults(): Fault[] {
  const bomb = (name: string, coding: string, bytes: Buffer, maxResponseSize = 64 * 1024): Fault => ({
    name: `${name}-bomb`,
    place: 'path',
    script: say(answer(bytes, { 'Content-Encoding': coding })),
    expected: { status: 200, error: 'ResponseTooLargeError' },
    options: { maxResponseSize },
  })
  const bombs = Object.entries(encoders).map(([name, { coding, encode }]) => bomb(name, coding, encode(zeros)))
  const gzipped = zlib.gzipSync(zeros)
  return [
    ...bombs,
    bomb('nested-gzip', 'gzip, gzip', zlib.gzipSync(gzipped)),
    bomb('late-gzip', 'gzip', gzipped, 8 * 1024 * 1024),
  ]
}

function otherFaults(): Fault[] {
  const fault = (name: string, coding: string, bytes: Uint8Array, expected: Fault['expected']): Fault => ({
    name,
    place: 'path',
    script: say(answer(bytes, { 'Content-Encoding': coding })),
    expected,
  })
  const whole = zlib.gzipSync('fine')
  return [
    fault('gzip-and-garbage', 'gzip', Buffer.concat([whole, Buffer.from('and then some')]), { status: 200 }),
    fault('gzip-that-is-none', 'gzip', Buffer.from('fine'), { status: 200, error: 'ContentDecodingError' }),
    fault('gzip-six-times', Array(6).fill('gzip').join(), whole, { status: 200, error: 'ContentDecodingError' }),
    fault('unknown-coding', 'rot13', Buffer.from('fine'), { status: 200 }),
  ]
}

export const encodingFaults: readonly Fault[] = [
  ...spoiltFaults(),
  ...bodilessFaults(),
  ...bombFaults(),
  ...otherFaults(),
]
