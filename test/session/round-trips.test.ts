import { createHash } from 'node:crypto'
import type http from 'node:http'
import fc from '../helpers/fast-check.ts'
import { Cookie } from 'tough-cookie'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { InvalidHeaderError } from '../../src/errors.ts'
import { digest } from '../../src/session/auth/digest.ts'
import type { RequestOptions } from '../../src/session/options/options.ts'
import { Session } from '../../src/session/session.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

/** What has arrived, for parsers that are not ours to read. */
interface Arrived {
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  readonly raw: readonly string[]
  readonly body: Buffer
}

let server: TestServer
let session: Session
let arrived: Arrived[] = []

const challenge = 'Digest realm="a \\"realm\\"", nonce="n", qop="auth", algorithm=SHA-256'

beforeAll(async () => {
  server = await startServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { url: path = '', headers, rawHeaders: raw } = request
      arrived.push({ path, headers, raw, body: Buffer.concat(chunks) })
      if (path !== '/digest' || headers.authorization !== undefined) response.end()
      else response.writeHead(401, { 'www-authenticate': challenge }).end()
    })
  })
  session = new Session({ trustEnv: false })
})
afterAll(async () => {
  await session.close()
  await server.close()
})
beforeEach(() => void (arrived = []))

async function send(options: RequestOptions, path = '/'): Promise<Arrived> {
  await session.post(server.url + path, options)
  return arrived.at(-1)!
}

/** An entry of a FormData, whichever File that has. */
interface FilePart {
  readonly name: string
  readonly type: string
  arrayBuffer(): Promise<ArrayBuffer>
}

/** It can't be sent, and it is not. */
async function refused(options: RequestOptions): Promise<void> {
  const count = arrived.length
  await expect(session.post(server.url, options)).rejects.toBeInstanceOf(InvalidHeaderError)
  expect(arrived).toHaveLength(count)
}

const runs = { numRuns: 100, interruptAfterTimeLimit: 8_000 }
const special = fc.string({ unit: fc.constantFrom('"', '\\', '\r', '\n', ';', '=', '&', '%', '%22', '+', ' ', "'", 'é', '例', '😀', '-', 'a') }) // prettier-ignore
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }), special)
const byteText = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 12 })
const pairs = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 })

describe('what is sent comes out of an independent parser as it was:', () => {
  it('params, behind those of the URL', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (params) => {
        const { path } = await send({ params }, '/?own=1#part')
        expect([...new URL(path, server.url).searchParams]).toEqual([['own', '1'], ...params])
      }),
      runs,
    )
  })

  it('a form', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (data) => {
        const { body, headers } = await send({ data })
        expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
        expect([...new URLSearchParams(body.toString('latin1'))]).toEqual(data)
      }),
      runs,
    )
  })

  it('JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' }), async (json) => {
        const { body } = await send({ json })
        expect(JSON.parse(body.toString())).toEqual(JSON.parse(JSON.stringify(json)))
      }),
      runs,
    )
  })

  it('a multipart body: names, file names, types and contents', async () => {
    const file = fc.record({ name: text, filename: text, content: fc.uint8Array({ maxLength: 40 }) })
    const files = fc.array(file, { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { maxLength: 3 }), files, async (data, list) => {
        const { body, headers } = await send({
          data,
          files: list.map(({ name, filename, content }) => [name, [filename, content, 'text/x-own']] as const),
        })

        const type = headers['content-type']!
        const received = new globalThis.Response(body, { headers: { 'content-type': type } })
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- a parser of somebody else's is what is wanted here
        const form = await received.formData()
        const entries = [...form.entries()]
        const fields = entries.slice(0, data.length)
        expect(fields).toEqual(data.map(([name, value]) => [unescaped(name), value.replace(/^\ufeff/, '')]))
        for (const [index, [name, value]] of entries.slice(data.length).entries()) {
          const { name: filename, type } = value as FilePart
          const bytes = new Uint8Array(await (value as FilePart).arrayBuffer())
          const { content } = list[index]!
          expect([name, filename, type]).toEqual([unescaped(list[index]!.name), unescaped(list[index]!.filename), 'text/x-own']) // prettier-ignore
          expect(Buffer.compare(bytes, content)).toBe(0)
        }
        expect(entries).toHaveLength(data.length + list.length)
      }),
      runs,
    )
  })

  it('a header, or it is an InvalidHeaderError and never sent', async () => {
    const name = fc.oneof(fc.constant('X-Own'), fc.stringMatching(/^X-[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/), byteText)
    await fc.assert(
      fc.asyncProperty(name, fc.oneof(byteText, text), async (given, value) => {
        const isValid = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(given) && /^(?![ \t])[\t\x20-\x7e\x80-\xff]*$/.test(value)
        if (!isValid) return refused({ headers: { [given]: value } })
        // Names that mean something have rules of their own.
        if (!given.startsWith('X-')) return
        const { raw } = await send({ headers: { [given]: value } })
        expect(raw[raw.indexOf(given) + 1]).toBe(value.replace(/[ \t]+$/, ''))
      }),
      { ...runs, numRuns: 300 },
    )
  })

  it('cookies, or they are an InvalidHeaderError and never sent', async () => {
    const name = fc.oneof(fc.constant('name'), fc.stringMatching(/^[!-~]{1,8}$/), byteText)
    await fc.assert(
      fc.asyncProperty(name, fc.oneof(byteText, special), async (given, value) => {
        const isValid =
          /^[!-+\x2d-:<>-~\x80-\xff]+$/.test(given) && !given.includes('=') && /^[\t\x20-:<-~\x80-\xff]*$/.test(value)
        if (!isValid) return refused({ cookies: { [given]: value, other: 1 } })
        const [first, second] = (await send({ cookies: { [given]: value, other: 1 } })).headers.cookie!.split(
          /; (?=other=1$)/,
        )
        expect([first, second]).toEqual([`${given}=${value}`, 'other=1'])
        const cookie = Cookie.parse(first!)
        // tough-cookie takes no tabs; browsers do.
        if (!value.includes('\t')) expect([cookie?.key, cookie?.value]).toEqual([given.trim(), value.trim()])
      }),
      { ...runs, numRuns: 300 },
    )
  })

  it('user and password of basic authentication', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (user, password) => {
        const { headers } = await send({ auth: [user, password] })
        const [scheme, value = ''] = headers.authorization!.split(' ')
        expect([scheme, Buffer.from(value, 'base64').toString()]).toEqual(['Basic', `${user}:${password}`])
      }),
      runs,
    )
  })

  it('user and password of digest authentication, or they are an InvalidHeaderError', async () => {
    const sha256 = (value: string): string => createHash('sha256').update(value).digest('hex')
    await fc.assert(
      fc.asyncProperty(text, text, async (user, password) => {
        const outcome = await send({ auth: digest(user, password) }, '/digest').catch((error: unknown) => error)
        // Control characters have no place in a header.
        if (/[\0-\x08\x0a-\x1f\x7f]/.test(user)) {
          expect(outcome).toBeInstanceOf(InvalidHeaderError)
          return
        }
        const header = (outcome as Arrived).headers.authorization!
        const field = (name: string): string => new RegExp(` ${name}="?([^",]*)`).exec(header)![1]!
        const name = /username="((?:[^"\\]|\\.)*)"/.exec(header)![1]!.replace(/\\(.)/g, '$1')
        expect(Buffer.from(name, 'latin1').toString()).toBe(user)
        const secret = sha256(`${user}:a "realm":${password}`)
        const tail = `${field('nc')}:${field('cnonce')}:auth:${sha256('POST:/digest')}`
        expect(field('response')).toBe(sha256(`${secret}:n:${tail}`))
      }),
      runs,
    )
  })

  it('a path, whatever characters it has', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        // These mean something in a URL, and so do segments of dots.
        const path = given.replace(/[%?#/.]/g, '_')
        const { path: there } = await send({}, `/${path}/end?q`)
        expect(decodeURIComponent(there)).toBe(`/${path}/end?q`)
      }),
      runs,
    )
  })
})

/** How the web escapes in a multipart head can't be told from the same characters of a name. */
function unescaped(name: string): string {
  return name.replace(/%0a/gi, '\n').replace(/%0d/gi, '\r').replace(/%22/g, '"')
}
