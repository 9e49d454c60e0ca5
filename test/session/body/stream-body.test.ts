import { createReadStream } from 'node:fs'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptionError, UnrewindableBodyError } from '../../../src/errors.ts'
import { prepareBody } from '../../../src/session/body/body.ts'
import type { StreamBody } from '../../../src/session/body/stream-body.ts'
import { until } from '../../helpers/gate.ts'

const bodyOf = (data: unknown, files?: unknown): StreamBody => prepareBody({ data, files })!.body as StreamBody

async function read(body: StreamBody): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body.open()) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('StreamBody', () => {
  let folder: string
  let path: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stream-body-'))
    path = join(folder, 'file')
    await writeFile(path, '0123456789')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('a stream is opened once', async () => {
    const body = bodyOf(Readable.from(['a']))

    expect(body.isReplayable).toBe(false)
    expect(await read(body)).toBe('a')
    expect(() => body.open()).toThrow(UnrewindableBodyError)
  })

  it('a Blob has a length and is opened any number of times', async () => {
    const body = bodyOf(new Blob(['abc']))

    expect(body).toMatchObject({ length: 3, isReplayable: true })
    expect([await read(body), await read(body)]).toEqual(['abc', 'abc'])
  })

  it('a file stream has the length of what it will read', async () => {
    const streams = [
      createReadStream(path),
      createReadStream(path, { start: 2 }),
      createReadStream(path, { start: 2, end: 4 }),
      createReadStream(path, { start: 20 }),
    ]
    const bodies = streams.map((stream) => bodyOf(stream))

    expect(bodies.map((body) => body.length)).toEqual([10, 8, 3, 0])
    expect(await Promise.all(bodies.map(read))).toEqual(['0123456789', '23456789', '234', ''])
  })

  it('a file stream whose length is not certain has none', async () => {
    const started = createReadStream(path)
    await new Promise<void>((resolve) => started.once('readable', () => resolve()))
    const uncertain = [started, createReadStream(path, 'base64'), createReadStream('/proc/self/stat')]

    for (const stream of uncertain) {
      const body = bodyOf(stream)
      expect(body.length).toBeUndefined()
      body.release()
    }
  })

  it('a file that grows is sent as long as it was', async () => {
    const log = join(folder, 'log')
    await writeFile(log, 'before')
    const body = bodyOf(createReadStream(log))
    await appendFile(log, ' after')

    expect(body.length).toBe(6)
    expect(await read(body)).toBe('before')
  })

  it('a stream that fails before it is read fails the reading, not the process', async () => {
    const stream = createReadStream(join(folder, 'missing'))
    const body = bodyOf(stream)
    await until(() => stream.destroyed)

    await expect(read(body)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('chunks that are no text and no bytes are refused', async () => {
    await expect(read(bodyOf(Readable.from([1])))).rejects.toThrow(InvalidOptionError)
  })

  it.each([
    ['after a chunk', 1],
    ['before the first one', 0],
  ])('leaving it %s closes the stream', async (_, count) => {
    const stream = Readable.from(['a', 'b', 'c'])
    const iterator = bodyOf(stream).open()[Symbol.asyncIterator]()
    for (let index = 0; index < count; index++) await iterator.next()
    await iterator.return?.()

    expect(stream.destroyed).toBe(true)
  })

  it('leaving it before the first chunk closes every stream of a multipart body', async () => {
    const streams = [Readable.from(['a']), Readable.from(['b'])]
    const body = bodyOf(undefined, { a: streams[0], b: streams[1] })
    await body.open()[Symbol.asyncIterator]().return?.()

    expect(streams.map((stream) => stream.destroyed)).toEqual([true, true])
  })

  it('leaving a multipart body in the middle closes what was not reached', async () => {
    const streams = [Readable.from(['a', 'b']), Readable.from(['c'])]
    const body = bodyOf(undefined, { a: streams[0], b: streams[1] })
    for await (const chunk of body.open()) if (Buffer.from(chunk).toString() === 'a') break

    expect(streams.map((stream) => stream.destroyed)).toEqual([true, true])
  })

  it('release() closes what was never opened, and nothing else', async () => {
    const [unopened, opened] = [Readable.from(['a']), Readable.from(['a'])]
    let isCancelled = false
    const web = new ReadableStream({ cancel: () => void (isCancelled = true) })
    bodyOf(unopened).release()
    bodyOf(web).release()
    const body = bodyOf(opened)
    const iterator = body.open()[Symbol.asyncIterator]()
    await iterator.next()
    body.release()

    expect(unopened.destroyed).toBe(true)
    expect(isCancelled).toBe(true)
    expect(opened.destroyed).toBe(false)
    await iterator.return?.()
  })

  it('withLength() gives a length that the owner vouches for', async () => {
    const body = bodyOf(Readable.from(['abc'])).withLength(3)

    expect(body).toMatchObject({ length: 3, isReplayable: false })
    expect(await read(body)).toBe('abc')
  })
})
