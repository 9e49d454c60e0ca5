import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ReadTimeoutError } from '../../src/errors.ts'
import { TestConnections, text } from '../helpers/exchanges.ts'
import { startFaultServer, type FaultServer, type Peer } from '../helpers/fault-server.ts'
import { until } from '../helpers/gate.ts'

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n'
const unverified = { id: 'unverified', rejectUnauthorized: false }
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** In so many parts, this far from each other. */
async function trickle(peer: Peer, bytes: string, parts: number, gap: number): Promise<void> {
  const size = Math.ceil(bytes.length / parts)
  for (let start = 0; start < bytes.length; start += size) {
    await pass(gap)
    await peer.write(bytes.slice(start, start + size))
  }
}

describe.each([
  ['HTTP', undefined],
  ['TLS', {}],
])('readTimeout while headers trickle in over %s', (_name, secure) => {
  let transport: TestConnections
  let server: FaultServer | undefined
  beforeEach(() => void (transport = new TestConnections()))
  afterEach(async () => {
    await transport.close()
    await server?.close()
  })

  it('is the gap between bytes, not the time of the headers', async () => {
    server = await startFaultServer(async (peer) => {
      await peer.request()
      await trickle(peer, `HTTP/1.1 103 Early Hints\r\n\r\n${head}`, 9, 50)
      await peer.write('fine')
      await peer.request()
      await trickle(peer, head, 7, 50)
      await peer.write('next')
    }, secure)
    const part = { readTimeout: 350, tls: unverified }
    expect(text(await transport.fetch(server.url, part))).toBe('fine')
    expect(text(await transport.fetch(server.url, part))).toBe('next')
    expect(server.connections).toBe(1)
  })

  it('ends with the gap that is too long, counted from the last byte', async () => {
    let lastAt = Infinity
    server = await startFaultServer(async (peer) => {
      await peer.request()
      await trickle(peer, head.slice(0, 20), 4, 80)
      lastAt = performance.now()
    }, secure)
    const error = await transport.failure(server.url, { readTimeout: 250, tls: unverified })
    expect(error).toBeInstanceOf(ReadTimeoutError)
    expect(error.message).toBe(`No response from ${server.url}: nothing was received for 250 ms`)
    expect(performance.now() - lastAt).toBeGreaterThanOrEqual(240)
    await until(() => server?.openSockets.size === 0)
  })
})
