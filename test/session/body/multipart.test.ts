import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from '../../helpers/fast-check.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidHeaderError, InvalidOptionError, UnrewindableBodyError } from '../../../src/errors.ts'
import { prepareBody } from '../../../src/session/body/body.ts'
import { StreamBody } from '../../../src/session/body/stream-body.ts'

interface SentPart {
  head: string[]
  content: string
}

async function partsOf(files: unknown, data?: unknown): Promise<SentPart[]> {
  const { body, contentType } = prepareBody({ files, data })!
  const chunks: Uint8Array[] = []
  if (body instanceof StreamBody) for await (const chunk of body.open()) chunks.push(chunk)
  else chunks.push(Buffer.from(body))
  const boundary = /^multipart\/form-data; boundary=([0-9a-f]{32})$/.exec(contentType!)![1]!
  const pieces = Buffer.concat(chunks).toString().split(`--${boundary}`)
  expect(pieces.shift()).toBe('')
  expect(pieces.pop()).toBe('--\r\n')
  return pieces.map((piece) => {
    const end = piece.indexOf('\r\n\r\n')
    return { head: piece.slice(2, end).split('\r\n'), content: piece.slice(end + 4, -2) }
  })
}

const place = (name: string, filename: string): string =>
  `Content-Disposition: form-data; name="${name}"; filename="${filename}"`
const binary = 'Content-Type: application/octet-stream'

describe('prepareBody(), files', () => {
  let folder: string
  let path: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multipart-'))
    path = join(folder, 'file.bin')
    await writeFile(path, 'from disk')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each<[string, unknown, SentPart[]]>([
    ['text', { f: 'hello' }, [{ head: [place('f', 'f'), binary], content: 'hello' }]],
    ['bytes', { f: Buffer.from('hello') }, [{ head: [place('f', 'f'), binary], content: 'hello' }]],
    ['name and content', { f: ['a.txt', 'x'] }, [{ head: [place('f', 'a.txt'), binary], content: 'x' }]],
    [
      'a type',
      { f: ['a.txt', 'x', 'text/x'] },
      [{ head: [place('f', 'a.txt'), 'Content-Type: text/x'], content: 'x' }],
    ],
    [
      'headers',
      { f: ['a.txt', 'x', 'text/x', { 'X-Part': '1', 'content-type': 'lost', 'Content-Disposition': 'lost' }] },
      [{ head: [place('f', 'a.txt'), 'Content-Type: text/x', 'X-Part: 1'], content: 'x' }],
    ],
    [
      'a type among the headers',
      { f: ['a.txt', 'x', null, { 'content-type': 'text/y' }] },
      [{ head: [place('f', 'a.txt'), 'Content-Type: text/y'], content: 'x' }],
    ],
    ['no name: a field', { f: [null, 'x'] }, [{ head: ['Content-Disposition: form-data; name="f"'], content: 'x' }]],
    ['no content: nothing', { f: null, g: ['a', null], h: '' }, [{ head: [place('h', 'h'), binary], content: '' }]],
    [
      'a File',
      { f: new File(['x'], 'a.txt', { type: 'text/x' }) },
      [{ head: [place('f', 'a.txt'), 'Content-Type: text/x'], content: 'x' }],
    ],
    ['a Blob', { f: new Blob(['x']) }, [{ head: [place('f', 'f'), binary], content: 'x' }]],
    ['a stream', { f: Readable.from(['x', 'y']) }, [{ head: [place('f', 'f'), binary], content: 'xy' }]],
    ['an iterable', { f: ['a.txt', new Set(['x', 'y'])] }, [{ head: [place('f', 'a.txt'), binary], content: 'xy' }]],
    ['UTF-8', { é: ['☃.txt', '☃'] }, [{ head: [place('é', '☃.txt'), binary], content: '☃' }]],
    [
      'pairs',
      [
        ['f', 'x'],
        ['f', ['a', 'y']],
      ],
      [
        { head: [place('f', 'f'), binary], content: 'x' },
        { head: [place('f', 'a'), binary], content: 'y' },
      ],
    ],
  ])('%s', async (_, files, parts) => {
    expect(await partsOf(files)).toEqual(parts)
  })

  it('everything in memory is one piece with a length', () => {
    expect(prepareBody({ files: { f: 'x', g: ['a', Buffer.from('y')] } })?.body).toBeInstanceOf(Uint8Array)
  })

  it('a file stream has the name and the length of its file', async () => {
    const { body } = prepareBody({ files: { f: createReadStream(path) } })!
    const [part] = await partsOf({ f: createReadStream(path) })

    expect(part).toEqual({ head: [place('f', 'file.bin'), binary], content: 'from disk' })
    expect((body as StreamBody).length).toBeGreaterThan('from disk'.length)
    ;(body as StreamBody).release()
  })

  it('Blobs keep the body replayable, streams do not', async () => {
    const blobs = prepareBody({ files: { f: new Blob(['x']) } })!.body as StreamBody
    const streams = prepareBody({ files: { f: new Blob(['x']), g: Readable.from(['y']) } })!.body as StreamBody

    expect(blobs.isReplayable).toBe(true)
    expect(blobs.length).toBeGreaterThan(0)
    expect(streams.isReplayable).toBe(false)
    expect(streams.length).toBeUndefined()
    for await (const chunk of streams.open()) expect(chunk.byteLength).toBeGreaterThan(0)
    expect(() => streams.open()).toThrow(UnrewindableBodyError)
  })

  it('data adds fields in front', async () => {
    const field = (name: string): string => `Content-Disposition: form-data; name="${name}"`
    const formData = new FormData()
    formData.append('a', '1')

    expect(await partsOf({ f: 'x' }, { z: ['1', 2], n: null })).toEqual([
      { head: [field('z')], content: '1' },
      { head: [field('z')], content: '2' },
      { head: [place('f', 'f'), binary], content: 'x' },
    ])
    for (const data of [[['a', '1']], new URLSearchParams('a=1'), new Map([['a', 1]]), formData]) {
      expect((await partsOf({ f: 'x' }, data))[0]).toEqual({ head: [field('a')], content: '1' })
    }
  })

  it.each([['text'], [Buffer.from('x')], [Readable.from(['x'])], [() => 'x'], [5]])(
    'other data beside files is refused',
    (data) => {
      expect(() => prepareBody({ files: { f: 'x' }, data })).toThrow(InvalidOptionError)
      expect(() => prepareBody({ files: { f: 'x' }, data })).toThrow(/^Expected `data` /)
    },
  )

  it('empty text and no bytes are no data beside files', async () => {
    expect(await partsOf({ f: 'x' }, '')).toHaveLength(1)
    expect(await partsOf({ f: 'x' }, Buffer.alloc(0))).toHaveLength(1)
  })

  it('no files are none', () => {
    expect(prepareBody({ files: {}, json: 1 })?.body).toBe('1')
    expect(prepareBody({ files: [], data: { a: 1 } })?.body).toBe('a=1')
    expect(prepareBody({ files: null })).toBeUndefined()
  })

  it('files win over json, as in requests', async () => {
    const { body } = prepareBody({ files: { f: 'x' }, json: { secret: 1 } })!

    expect(Buffer.from(body as Uint8Array).toString()).not.toContain('secret')
  })

  it.each([
    ['text', 'x'],
    ['a number', 5],
    ['a stream', Readable.from(['x'])],
    ['a FormData', new FormData()],
    ['an element that is no pair', ['x']],
    ['a number as content', { f: 5 }],
    ['an object as content', { f: { path: 'x' } }],
    ['a Promise as content', { f: ['a', Promise.resolve('x')] }],
    ['one element', { f: ['a'] }],
    ['five elements', { f: ['a', 'x', 't', {}, 1] }],
    ['a name that is a number', { f: [5, 'x'] }],
    ['a type that is an object', { f: ['a', 'x', {}] }],
    ['headers that are a string', { f: ['a', 'x', 't', 'X: y'] }],
    ['a field that is a number', [[5, 'x']]],
  ])('%s is an InvalidOptionError', (_, files) => {
    expect(() => prepareBody({ files })).toThrow(InvalidOptionError)
    expect(() => prepareBody({ files })).toThrow(/^Expected `files` /)
  })

  it.each([
    ['a type', { f: ['a', 'x', 'text/x\r\nX-Evil: 1'] }],
    ['a header', { f: ['a', 'x', null, { 'X-A': '1\r\nX-Evil: 1' }] }],
    ['the name of a header', { f: ['a', 'x', null, { 'X-A: 1\r\nX-Evil': '1' }] }],
  ])('%s can not break its line', (_, files) => {
    expect(() => prepareBody({ files })).toThrow(InvalidHeaderError)
  })

  it('no field or file name gets out of its quotes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('"', '\r', '\n', '\\', 'a', ';', '=', '-') }),
        async (text) => {
          const parts = await partsOf([[text, [text, 'x']]], [[text, 'y']])

          expect(parts).toHaveLength(2)
          expect(parts[0]!.head).toHaveLength(1)
          expect(parts[1]!.head).toHaveLength(2)
          expect(parts[1]!.head[0]).toMatch(/^Content-Disposition: form-data; name="[^"]*"; filename="[^"]*"$/)
        },
      ),
    )
  })
})
