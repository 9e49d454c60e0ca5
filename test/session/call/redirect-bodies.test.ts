import { afterEach, expect, test } from 'vitest'
import { ChunkedEncodingError, ReadTimeoutError, Session, TotalTimeoutError } from '../../../src/index.ts'
import { answer, startFaultServer, type FaultServer, type Peer } from '../../helpers/fault-server.ts'
import { fakeTime } from '../../helpers/fake-time.ts'
import { until } from '../../helpers/gate.ts'

let server: FaultServer | undefined
let session: Session
afterEach(async () => {
  fakeTime.disable()
  await session.close()
  await server?.close()
})

/** A redirect whose body does not come whole, and what it leads to. */
async function serveBrokenRedirect(end: (peer: Peer) => unknown = (peer) => peer.socket.end()): Promise<string> {
  server = await startFaultServer(async (peer) => {
    const request = await peer.request()
    if (request?.startsWith('GET /fine')) return peer.write(answer('fine'))
    const head = 'HTTP/1.1 302 Found\r\nLocation: /fine\r\nSet-Cookie: a=b\r\nContent-Length: 10\r\n\r\nhalf'
    await peer.write(head)
    return end(peer)
  })
  session = new Session({ trustEnv: false })
  return server.url
}

test.each([false, true])('Session.get() follows a redirect whose body breaks off (stream: %s)', async (stream) => {
  const url = await serveBrokenRedirect()
  const response = await session.get(url, { stream })
  await response.read()
  expect(response.text()).toBe('fine')
  expect(response.history.map(({ status }) => status)).toEqual([302])
  expect(server!.requests[1]).toMatch(/cookie: a=b/i)
})

test('Session.get() follows it with hooks and auth functions, too', async () => {
  const url = await serveBrokenRedirect()
  const seen: string[] = []
  const hooks = { request: () => void seen.push('request'), redirect: () => void seen.push('redirect') }
  const response = await session.get(url, { hooks, auth: (request) => request })
  expect(response.text()).toBe('fine')
  expect(seen).toEqual(['request', 'redirect', 'request'])
})

test('Session.get() tries a redirect that it does not follow again, and fails', async () => {
  const url = await serveBrokenRedirect()
  const retry = { total: 2, backoff: { base: 0 } }
  const failed = session.get(url, { allowRedirects: false, retry })
  const error = await failed.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ChunkedEncodingError)
  expect((error as ChunkedEncodingError).request).toMatchObject({ method: 'GET', url: `${url}/` })
  expect(server!.requests).toHaveLength(3)
})

const silence = (): void => {}

test.each([false, true])('Session.get() follows a redirect whose body goes silent (stream: %s)', async (stream) => {
  const url = await serveBrokenRedirect(silence)
  fakeTime.enable()
  const running = session.get(url, { stream, timeout: { read: 60 } })
  // They are stored when the headers are there.
  await until(() => session.cookies && session.cookies.getCookieStringSync(url) === 'a=b')
  fakeTime.tick(60)
  const response = await running
  await response.read()
  expect(response.text()).toBe('fine')
  expect(response.history.map(({ status }) => status)).toEqual([302])
  expect(server!.requests[1]).toMatch(/cookie: a=b/i)
  // Nobody may use it again: the rest of the body may still come.
  expect(server!.connections).toBe(2)
})

test.each([false, true])('Session.get() is not held up for ever by such a body (stream: %s)', async (stream) => {
  const url = await serveBrokenRedirect(silence)
  const failed = session.get(url, { stream, timeout: { read: null, total: 60 } })
  await expect(failed).rejects.toBeInstanceOf(TotalTimeoutError)
})

test('Session.get() fails with a read timeout if it does not follow that redirect', async () => {
  const url = await serveBrokenRedirect(silence)
  const failed = session.get(url, {
    allowRedirects: false,
    timeout: { read: 60 },
    retry: { total: 1, backoff: { base: 0 } },
  })
  await expect(failed).rejects.toBeInstanceOf(ReadTimeoutError)
  expect(server!.requests).toHaveLength(2)
})
