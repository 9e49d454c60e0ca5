import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { Response, Session } from '../../../src/index.ts'
import type { SessionOptions } from '../../../src/index.ts'
import { startHttp2Server } from '../../helpers/h2/server.ts'
import type { Http2TestServer } from '../../helpers/h2/server.ts'
import { startServer } from '../../helpers/server.ts'

let server: Http2TestServer | undefined
afterEach(async () => server?.close())

describe('The option `http2`', () => {
  it.each([null, 0, 'true', {}])('is a TypeError if it is %j', (value) => {
    const http2 = value as unknown as boolean
    expect(() => new Session({ http2 })).toThrow(TypeError)
    expect(() => new Session({ http2 })).toThrow(/Expected `http2` to be a boolean, got/)
    expect(() => new Session({ poolOptions: { allowH2: http2 } })).toThrow(
      /Expected `poolOptions.allowH2` to be a boolean/,
    )
    expect(() => new Session({ http2: true, poolOptions: { allowH2: http2 } })).toThrow(TypeError)
  })

  it('leaves what is wrong with `poolOptions` to them', () => {
    const poolOptions = 'fast' as unknown as object
    expect(() => new Session({ http2: true, poolOptions })).toThrow(/Expected `poolOptions` to be an object/)
  })

  it.each<[string, SessionOptions]>([
    ['2', { http2: true }],
    ['2', { poolOptions: { allowH2: true } }],
    ['2', { http2: true, poolOptions: { allowH2: false, keepAliveTimeout: 1000 } }],
    ['1.1', {}],
    ['1.1', { http2: undefined, poolOptions: { allowH2: undefined } }],
    ['1.1', { http2: false, poolOptions: { allowH2: true } }],
  ])('has HTTP/%s spoken: %j', async (version, options) => {
    server = await startHttp2Server()
    const session = new Session({ verify: false, ...options })
    const response = await session.get(server.url)
    expect(response.httpVersion).toBe(version)
    expect(inspect(response)).toContain(`httpVersion: '${version}'`)
    await session.close()
  })

  it('does not matter for http: URLs', async () => {
    const plain = await startServer()
    const session = new Session({ http2: true })
    expect((await session.get(plain.url)).httpVersion).toBe('1.1')
    await session.close()
    await plain.close()
  })

  it('holds for clones', async () => {
    server = await startHttp2Server()
    const session = new Session({ http2: true, verify: false })
    const clone = session.clone()
    await session.close()
    expect((await clone.get(server.url)).httpVersion).toBe('2')
    await clone.close()
  })

  it('is named where somebody writes `h2`', () => {
    expect(() => new Session({ h2: true } as SessionOptions)).toThrow(/`http2`/)
  })
})

describe('Response.httpVersion', () => {
  it('is undefined where nothing was sent', () => {
    expect(new Response().httpVersion).toBeUndefined()
    expect(new Response({ httpVersion: '2' }).httpVersion).toBe('2')
  })
})
