import { describe, expect, it } from 'vitest'
import type { Coding } from '../../../src/transport/decoding/codings.ts'
import { frameByFrame } from '../../../src/transport/decoding/zstd-frames.ts'

// By hand and with a decoder that changes nothing: Node 20 has no zstd.

const raw = 0
const runLength = 1
const bytes = (count: number): Buffer => Buffer.alloc(count, 7)

function block(type: number, size: number, isLast: boolean): Buffer {
  const header = Buffer.alloc(3)
  header.writeUIntLE((isLast ? 1 : 0) | (type << 1) | (size << 3), 0, 3)
  return Buffer.concat([header, bytes(type === runLength ? 1 : size)])
}

/** @param fields how many bytes follow the descriptor, as RFC 8878 has it */
function frame(descriptor: number, fields: number, blocks: Buffer[]): Buffer {
  const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
  const checksum = bytes(descriptor & 4 ? 4 : 0)
  return Buffer.concat([magic, Buffer.from([descriptor]), bytes(fields), ...blocks, checksum])
}

const skippable = Buffer.concat([Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), bytes(3)])
const small = frame(0, 1, [block(raw, 2, true)])
const shapes: [string, Buffer][] = [
  ['a window', small],
  ['a checksum', frame(4, 1, [block(raw, 0, true)])],
  ['a single segment and its size', frame(32, 1, [block(raw, 9, true)])],
  ['a size of two bytes', frame(64, 3, [block(raw, 1, true)])],
  ['a size of four bytes', frame(128, 5, [block(raw, 1, true)])],
  ['a size of eight bytes', frame(192 | 32, 8, [block(raw, 1, true)])],
  ['a dictionary of one byte', frame(1, 2, [block(raw, 1, true)])],
  ['a dictionary of four bytes', frame(3, 5, [block(raw, 1, true)])],
  ['several blocks', frame(4, 1, [block(raw, 5, false), block(runLength, 900, false), block(raw, 300, true)])],
  ['a block of one repeated byte at its end', frame(0, 1, [block(runLength, 70_000, true)])],
  ['nothing but what is skipped', skippable],
]

/** Notes what it is given. */
function notingCoding() {
  const given: Buffer[] = []
  const limits: number[] = []
  const decodeSync = (body: Buffer, limit: number): Buffer => {
    given.push(body)
    limits.push(limit)
    return body
  }
  const plain = { name: 'zstd', decodeSync, decode: async (...args: [Buffer, number]) => decodeSync(...args) }
  return { given, limits, zstd: frameByFrame(plain as Coding) }
}

async function* inChunks(body: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < body.length; start += size) yield body.subarray(start, start + size)
}

describe('frameByFrame()', () => {
  it.each(shapes)('cuts behind a frame with %s', async (_name, shape) => {
    const body = Buffer.concat([shape, small, shape])
    const { given, zstd } = notingCoding()
    expect(zstd.decodeSync(body, 1e6)).toEqual(body)
    expect(await zstd.decode(body, 1e6)).toEqual(body)
    expect(given).toEqual([shape, small, shape, shape, small, shape])
  })

  it.each(shapes)('cuts a stream behind a frame with %s, however it arrives', async (_name, shape) => {
    const frames = [shape, small, skippable, shape]
    const body = Buffer.concat(frames)
    const ends = frames.map((_, index) => Buffer.concat(frames.slice(0, index + 1)).length)
    for (const size of [1, 2, 3, 5, 7, 11, 64, body.length]) {
      const seen: number[] = []
      let length = 0
      for await (const piece of notingCoding().zstd.pieces!(inChunks(body, size))) seen.push((length += piece.length))
      expect(length).toBe(body.length)
      expect(seen).toEqual(expect.arrayContaining(ends))
    }
  })

  it('gives each frame what the ones before have left of the limit', () => {
    const { limits, zstd } = notingCoding()
    zstd.decodeSync(Buffer.concat([small, small, small]), 100)
    expect(limits).toEqual([100, 100 - small.length, 100 - 2 * small.length])
  })

  it.each(shapes)('fails where a frame with %s breaks off', async (_name, shape) => {
    for (const missing of [1, shape.length >> 1, shape.length - 5, shape.length - 4]) {
      const body = Buffer.concat([small, shape.subarray(0, -missing)])
      const { zstd } = notingCoding()
      expect(() => zstd.decodeSync(body, 1e6)).toThrow('unexpected end of file')
      await expect(zstd.decode(body, 1e6)).rejects.toThrow('unexpected end of file')
      const pieces = zstd.pieces!(inChunks(body, 4))
      await expect(
        (async () => {
          for await (const piece of pieces) expect(piece.length).toBeGreaterThan(0)
        })(),
      ).rejects.toThrow('unexpected end of file')
    }
  })

  it('leaves out what follows the last frame and is none', () => {
    const { given, zstd } = notingCoding()
    expect(zstd.decodeSync(Buffer.concat([small, Buffer.from('garbage')]), 1e6)).toEqual(small)
    expect(given).toEqual([small])
  })

  it('leaves what is no zstd at all to the decoder, which knows what to say', () => {
    const { given, zstd } = notingCoding()
    zstd.decodeSync(Buffer.from('garbage'), 1e6)
    expect(given).toEqual([Buffer.from('garbage')])
  })

  it('refuses frames without number', () => {
    const empty = frame(0, 1, [block(raw, 0, true)])
    const bomb = Buffer.concat(Array.from({ length: 2_000 }, () => empty))
    expect(() => notingCoding().zstd.decodeSync(bomb, Infinity)).toThrow('too many frames')
  })
})
