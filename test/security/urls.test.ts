/** SECURITY.md, "Injection" and "Schemes": a URL leads where it seems to, over http or https, or nowhere. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ConnectionError,
  InvalidSchemaError,
  InvalidURLError,
  MissingSchemaError,
  RequestError,
} from '../../src/errors.ts'
import { PreparedRequest } from '../../src/session/prepared-request.ts'
import { Session } from '../../src/session/session.ts'
import { parseUrl } from '../../src/session/url.ts'
import { answer, startFaultServer, type FaultServer } from '../helpers/fault-server.ts'
import { startHttpProxy } from '../helpers/proxy.ts'

let server: FaultServer
let session: Session
let location: string | undefined

beforeEach(async () => {
  location = undefined
  server = await startFaultServer(async (peer) => {
    while ((await peer.request()) !== undefined) {
      const isFirst = server.requests.length === 1
      await peer.write(
        location !== undefined && isFirst ? answer('', { Location: location }, '302 Found') : answer('ok'),
      )
    }
  })
  session = new Session({ trustEnv: false })
})
afterEach(async () => {
  await session.close()
  await server.close()
})

describe('A URL', () => {
  it.each([
    ['https://h.test\\@evil.test/', 'h.test'],
    ['https://h.test\\.evil.test/', 'h.test'],
    ['https://h.test#@evil.test/', 'h.test'],
    ['https://h.test?@evil.test/', 'h.test'],
    ['https://h.test/@evil.test/', 'h.test'],
    ['https://h.test:443@evil.test/', 'evil.test'],
    ['https://evil。test/', 'evil.test'],
    ['https://evil．test/', 'evil.test'],
    ['https://EVIL.test/', 'evil.test'],
    ['https://ｅvil.test/', 'evil.test'],
    ['https://127.1/', '127.0.0.1'],
    ['https://0x7f000001/', '127.0.0.1'],
    ['https://[::ffff:127.0.0.1]/', '[::ffff:7f00:1]'],
  ])('%j is for %s, as it is for whoever checks it with `new URL(response.url)`', (text, host) => {
    const url = parseUrl(text)
    expect(url.hostname).toBe(host)
    expect(new URL(new PreparedRequest({ url: text }).url).hostname).toBe(host)
  })

  it.each([
    ['http:/h.test/', InvalidURLError],
    ['http:h.test', InvalidURLError],
    ['http:///h.test/', InvalidURLError],
    ['http:\\\\h.test', InvalidURLError],
    ['http://', InvalidURLError],
    ['http://a b/', InvalidURLError],
    ['http://a\0b/', InvalidURLError],
    ['http://a\r\nb/', InvalidURLError],
    ['http://a%00b/', InvalidURLError],
    ['http://[fe80::1%25eth0]/', InvalidURLError],
    ['http://[::1', InvalidURLError],
    ['http://h.test:8a/', InvalidURLError],
    ['http://h.test:70000/', InvalidURLError],
    ['http://*.test/', InvalidURLError],
    ['//h.test/', MissingSchemaError],
    ['\\\\h.test\\share', MissingSchemaError],
    ['/etc/passwd', MissingSchemaError],
  ])('%j is none', async (text, errorClass) => {
    await expect(session.get(text)).rejects.toThrow(errorClass)
  })

  it('with control characters, blanks and line breaks in path, query and fragment sends them escaped', async () => {
    const evil = 'a\r\nX-Injected: 1\r\n\r\nGET /smuggled HTTP/1.1\0\t\x7f b\\c'
    for (const url of [`${server.url}/${evil}`, `${server.url}/?${evil}`, `${server.url}/#${evil}`])
      await session.get(url)
    await session.get(server.url, { params: evil })
    const request = new PreparedRequest({ url: server.url })
    request.url = `${server.url}/${evil}`
    await session.send(request)

    expect(server.requests).toHaveLength(5)
    for (const head of server.requests) {
      expect(head).toMatch(/^GET \/\S* HTTP\/1\.1\r\n/)
      expect(head).not.toMatch(/^X-Injected|^GET \/smuggled/m)
    }
  })

  it.each(['\0', '\x01\x1f', '\r\n', '\t', '\x7f', ' '])(
    'that ends in %j is asked for with it, escaped; a host or a port that does is none',
    async (end) => {
      await session.get(`${server.url}/x${end}`)
      await session.get(`${server.url}/x?y${end}`)
      await session.get(`${server.url}/x`, { params: `y${end}` })
      await session.get(`${server.url}/x#${end}`)

      const escaped = encodeURIComponent(end)
      const paths = server.requests.map((head) => head.split(' ')[1])
      expect(paths).toEqual([`/x${escaped}`, `/x?y${escaped}`, `/x?y${escaped}`, '/x'])
      for (const url of [`${server.url}${end}`, `http://h.test${end}`]) {
        await expect(session.get(url)).rejects.toThrow(InvalidURLError)
      }
    },
  )

  it('with the port 0 leads there, where nobody can be', async () => {
    const error: unknown = await session.get('http://127.0.0.1:0/').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ConnectionError)
    expect((error as Error).message).toMatch(/^Could not connect to http:\/\/127\.0\.0\.1:0: /)
  })

  it('is one URL for a proxy, too', async () => {
    const proxy = await startHttpProxy()
    session.proxies = { all: `http://127.0.0.1:${proxy.port}` }
    await session.get(`${server.url}/ http://evil.test/\r\n\\@evil.test`)
    await session.close()
    await proxy.close()

    expect(proxy.seen).toEqual([`GET ${server.url}/%20http://evil.test/%0D%0A%5C@evil.test`])
  })
})

describe('baseUrl', () => {
  it.each([
    '//evil.test/',
    '/\\evil.test',
    '\\\\evil.test',
    '@evil.test',
    ':80@evil.test',
    '.evil.test',
    '?@evil.test',
    ' //evil.test',
  ])('keeps %j at its host', (path) => {
    for (const baseUrl of ['https://h.test', 'https://h.test/', 'https://h.test/api']) {
      const { url } = new Session({ baseUrl }).prepareRequest({ url: path })
      expect(new URL(url).hostname).toBe('h.test')
    }
  })

  it('gives way to an absolute URL, as the contract says: a path of somebody else is to be checked', () => {
    const { url } = new Session({ baseUrl: 'https://h.test' }).prepareRequest({ url: 'https://other.test/' })
    expect(url).toBe('https://other.test/')
  })
})

describe('A redirect', () => {
  it('to another scheme is InvalidSchemaError, and nothing is read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'urls-'))
    await writeFile(join(folder, 'file'), 's3cret')
    const targets = [
      pathToFileURL(join(folder, 'file')).href,
      'FILE:///etc/passwd',
      'file:/etc/passwd',
      'data:text/plain,s3cret',
      'javascript:alert(1)',
      'ftp://h.test/',
      'blob:http://h.test/x',
      'ws://h.test/',
      'unix:/run/docker.sock',
      'http+unix://%2Frun%2Fdocker.sock/',
      'gopher://h.test:6379/_x',
      'node:fs',
    ]
    for (const target of targets) {
      server.requests.length = 0
      location = target
      const error: unknown = await session.get(server.url).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(InvalidSchemaError)
      expect((error as Error).message).not.toContain('s3cret\n')
      expect(server.requests).toHaveLength(1)
    }
    await rm(folder, { recursive: true })
  })

  it.each(['\\\\evil.test/', '/\\evil.test', '/%5cevil.test', ' /x', '\tx', '?x', 'http:x', '///x', './/evil.test'])(
    'to %j stays where it is',
    async (target) => {
      location = target
      const response = await session.get(`${server.url}/a/b`)
      expect(new URL(response.url).origin).toBe(server.url)
      expect(server.requests).toHaveLength(2)
    },
  )

  it('to what is no URL is an error of the request', async () => {
    for (const target of ['https://[', 'http://a b/', 'http://*.test', 'https://h.test:x/']) {
      server.requests.length = 0
      location = target
      await expect(session.get(server.url)).rejects.toThrow(RequestError)
    }
  })
})
