import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FuturesSession, Session } from '../../src/index.ts'

const values = {
  headers: { 'X-A': '1' },
  params: { a: '1' },
  auth: ['user', 'pass'],
  cookies: false,
  hooks: { response: () => undefined },
  proxies: { 'http://a.test': 'http://proxy:3128' },
  verify: false,
  timeout: 1_234,
  allowRedirects: false,
  maxRedirects: 3,
  trustEnv: false,
  baseUrl: 'http://a.test/',
  raiseForStatus: true,
  retry: 2,
  stream: true,
  maxResponseSize: 1_000,
} as const

describe('FuturesSession', () => {
  const [wrapped, plain] = [new Session(), new Session()]
  let session: FuturesSession
  beforeEach(() => void (session = new FuturesSession({ session: wrapped })))
  afterEach(async () => session[Symbol.asyncDispose]())

  test.each(Object.entries(values))('reads and writes the `%s` of its session', (name, value) => {
    const outer = session as unknown as Record<string, unknown>
    const inner = wrapped as unknown as Record<string, unknown>
    const expected = plain as unknown as Record<string, unknown>
    expect(outer[name]).toEqual(inner[name])
    outer[name] = value
    expected[name] = value
    expect(outer[name]).toEqual(inner[name])
    expect(JSON.stringify(inner[name])).toBe(JSON.stringify(expected[name]))
  })

  test('reads and writes the `cert` of its session', () => {
    expect(session.cert).toBeUndefined()
    wrapped.cert = '/no/such/file.pem'
    expect(session.cert).toBe('/no/such/file.pem')
    session.cert = undefined
    expect(wrapped.cert).toBeUndefined()
  })
})
