import { Readable } from 'node:stream'
import { FormData as UndiciFormData } from 'undici'
import { describe, expect, it, vi } from 'vitest'
import { InvalidOptionError } from '../../../src/errors.ts'
import { prepareBody } from '../../../src/session/body/body.ts'
import type { PreparedBody } from '../../../src/session/body/body.ts'
import { StreamBody } from '../../../src/session/body/stream-body.ts'

async function textOf(body: PreparedBody | undefined): Promise<string> {
  if (!(body instanceof StreamBody)) return Buffer.from(body ?? '').toString()
  const chunks: Uint8Array[] = []
  for await (const chunk of body.open()) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const form = 'application/x-www-form-urlencoded'
const stream = (): Readable => Readable.from(['a', Buffer.from('b')])

describe('prepareBody(), data', () => {
  it.each<[string, unknown, string, string | undefined]>([
    ['an object', { a: 1, b: 'x y' }, 'a=1&b=x+y', form],
    [
      'pairs',
      [
        ['b', '2'],
        ['a', '1'],
        ['b', '3'],
      ],
      'b=2&a=1&b=3',
      form,
    ],
    ['a Map', new Map([['a', ['1', '2']]]), 'a=1&a=2', form],
    ['URLSearchParams', new URLSearchParams('a=1&b=%C3%A9'), 'a=1&b=%C3%A9', form],
    ['fields that all are null', { a: null, b: undefined }, '', form],
    ['text', 'é', 'é', undefined],
    ['a Buffer', Buffer.from('hi'), 'hi', undefined],
    ['a typed array', new Uint16Array(new Uint8Array([104, 105]).buffer), 'hi', undefined],
    ['a DataView', new DataView(new Uint8Array([0, 104, 105]).buffer, 1), 'hi', undefined],
    ['an ArrayBuffer', new Uint8Array([104, 105]).buffer, 'hi', undefined],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(2)).fill(104), 'hh', undefined],
    ['a Blob', new Blob(['hi']), 'hi', undefined],
    ['a Blob with a type', new Blob(['hi'], { type: 'text/x' }), 'hi', 'text/x'],
    ['a Readable', stream(), 'ab', undefined],
    ['a web stream', Readable.toWeb(stream()), 'ab', undefined],
    ['an iterable', new Set(['a', 'b']), 'ab', undefined],
    [
      'a generator',
      (function* () {
        yield 'a'
        yield new Uint8Array([98])
      })(),
      'ab',
      undefined,
    ],
    [
      'an async iterable',
      {
        async *[Symbol.asyncIterator]() {
          yield 'a'
          yield ''
          yield new Uint8Array([98]).buffer
        },
      },
      'ab',
      undefined,
    ],
    ['a function', () => 'made', 'made', undefined],
    ['a function that makes a form', () => ({ a: 1 }), 'a=1', form],
    ['a function that makes nothing', () => undefined, '', undefined],
    [
      'an async generator function',
      async function* () {
        yield 'a'
      },
      'a',
      undefined,
    ],
  ])('%s', async (_, data, text, contentType) => {
    const typed = prepareBody({ data })

    expect(await textOf(typed?.body)).toBe(text)
    expect(typed?.contentType).toBe(contentType)
  })

  it.each([[''], [{}], [[]], [Buffer.alloc(0)], [new Map()], [new URLSearchParams()], [null], [undefined]])(
    'empty data %j is no body, and json counts',
    (data) => {
      expect(prepareBody({ data })).toBeUndefined()
      expect(prepareBody({ data, json: { a: 1 } })?.body).toBe('{"a":1}')
    },
  )

  it.each<[unknown, string]>([
    [5, 'a number'],
    [false, 'a boolean'],
    [10n, 'a bigint'],
    [Symbol('s'), 'a symbol'],
    [Promise.resolve('x'), 'an object (Promise)'],
    [new Date(), 'an object (Date)'],
    [['a', 'b'], 'a string'],
    [[['a']], 'an array'],
    [{ a: { b: 1 } }, 'an object (Object)'],
    [{ a: () => 1 }, 'a function'],
    [{ a: [['x']] }, 'an array'],
    [() => () => 'x', 'a function'],
    [() => Promise.resolve('x'), 'an object (Promise)'],
    [{ pipe: () => undefined, secret: 'x' }, 'an object (Object)'],
  ])('what can not be sent is an InvalidOptionError that tells its kind only', (data, kind) => {
    let error: unknown
    try {
      prepareBody({ data })
    } catch (thrown) {
      error = thrown
    }

    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option: 'data' })
    expect((error as Error).message).toMatch(/^Expected `data` to be .*, got /)
    expect((error as Error).message.endsWith(kind)).toBe(true)
  })

  it('a stream that was read, destroyed or locked is refused', async () => {
    const read = stream()
    await textOf(prepareBody({ data: read })?.body)
    const web = Readable.toWeb(stream())
    web.getReader()

    expect(() => prepareBody({ data: read })).toThrow(InvalidOptionError)
    expect(() => prepareBody({ data: stream().destroy() })).toThrow(InvalidOptionError)
    expect(() => prepareBody({ data: web })).toThrow(InvalidOptionError)
  })

  it('a function is called once for each send, and the content type of the first fits the others', async () => {
    const make = vi.fn(() => {
      const data = new FormData()
      data.set('n', String(make.mock.calls.length))
      return data
    })
    const { body, contentType } = prepareBody({ data: make })!
    const boundary = /boundary=(\w+)/.exec(contentType!)![1]!

    expect(make).toHaveBeenCalledTimes(1)
    expect((body as StreamBody).isReplayable).toBe(true)
    for (const count of [1, 2, 3]) {
      const { length } = body as StreamBody
      const text = await textOf(body)
      expect(text).toHaveLength(length!)
      expect(text).toContain(`\r\n\r\n${count}\r\n--${boundary}--`)
      expect(make).toHaveBeenCalledTimes(count)
    }
  })

  it('a function that throws for a later send fails that send', async () => {
    const results = ['first']
    const { body } = prepareBody({
      data: () => {
        if (results.length === 0) throw new Error('out of bodies')
        return results.pop()
      },
    })!

    expect(await textOf(body)).toBe('first')
    expect((body as StreamBody).length).toBeUndefined()
    await expect(textOf(body)).rejects.toThrow('out of bodies')
  })

  it('what a function throws for the first send comes through as it is', () => {
    const error = new Error('mine')

    expect(() =>
      prepareBody({
        data: () => {
          throw error
        },
      }),
    ).toThrow(error)
  })
})

describe('prepareBody(), json', () => {
  it.each<[unknown, string]>([
    [{ a: [true, null, 'x'] }, '{"a":[true,null,"x"]}'],
    [[], '[]'],
    [0, '0'],
    [false, 'false'],
    [null, 'null'],
    ['', '""'],
    [{ toJSON: () => 'as it likes' }, '"as it likes"'],
  ])('%j', (json, text) => {
    expect(prepareBody({ json })).toEqual({ body: text, contentType: 'application/json' })
  })

  it('undefined is no body', () => {
    expect(prepareBody({ json: undefined })).toBeUndefined()
  })

  it.each([
    [10n],
    [() => 1],
    [Symbol('s')],
    [cyclic()],
    [
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
    ],
    [{ toJSON: () => undefined }],
  ])('what JSON can not express is an InvalidOptionError', (json) => {
    expect(() => prepareBody({ json })).toThrow(InvalidOptionError)
    expect(() => prepareBody({ json })).toThrow(/^Expected `json` to be what JSON can express, got /)
  })

  it('data wins', () => {
    expect(prepareBody({ data: { b: 2 }, json: { a: 1 } })?.body).toBe('b=2')
  })
})

describe('prepareBody(), FormData', () => {
  it.each([
    ['the global one', FormData],
    ["undici's", UndiciFormData],
  ])('%s is a multipart body', async (_, Form) => {
    const data = new Form()
    data.append('text', 'one\ntwo')
    data.append('text', 'é')
    data.append('file', new File(['hello'], 'a "b".txt', { type: 'text/x' }))
    data.append('blob', new Blob(['raw']))
    const { body, contentType } = prepareBody({ data })!
    const boundary = /^multipart\/form-data; boundary=([0-9a-f]{32})$/.exec(contentType!)![1]!

    expect((body as StreamBody).isReplayable).toBe(true)
    const text = await textOf(body)
    expect(Buffer.byteLength(text)).toBe((body as StreamBody).length)
    expect(text.split(`--${boundary}`).slice(1, -1)).toEqual([
      '\r\nContent-Disposition: form-data; name="text"\r\n\r\none\r\ntwo\r\n',
      '\r\nContent-Disposition: form-data; name="text"\r\n\r\né\r\n',
      '\r\nContent-Disposition: form-data; name="file"; filename="a %22b%22.txt"\r\nContent-Type: text/x\r\n\r\nhello\r\n',
      '\r\nContent-Disposition: form-data; name="blob"; filename="blob"\r\nContent-Type: application/octet-stream\r\n\r\nraw\r\n',
    ])
  })

  it('without files is in memory', () => {
    const data = new FormData()
    data.append('a', '1')

    expect(prepareBody({ data })?.body).toBeInstanceOf(Uint8Array)
  })
})

function cyclic(): object {
  const value: { self?: object } = {}
  value.self = value
  return value
}
