import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, ProxyError, SSLError } from '../../../src/errors.ts'
import type { ProxyTarget } from '../../../src/transport/exchange.ts'
import { TestConnections, text } from '../../helpers/exchanges.ts'
import { answer, startFaultServer, type FaultServer, type Script } from '../../helpers/fault-server.ts'
import { until } from '../../helpers/gate.ts'

let transport: TestConnections
let proxy: FaultServer | undefined
beforeEach(() => void (transport = new TestConnections()))
afterEach(async () => {
  await transport.close()
  await proxy?.close()
})

async function startProxy(protocol: ProxyTarget['protocol'], script: Script): Promise<ProxyTarget> {
  proxy = await startFaultServer(script)
  const { port } = proxy
  return { protocol, hostname: '127.0.0.1', port, url: `${protocol}//127.0.0.1:${port}` }
}

const granted = Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0])

/** Takes greeting and CONNECT, for an address of four bytes. */
async function untilConnect(peer: Parameters<Script>[0]): Promise<void> {
  await peer.take(3)
  await peer.write(Buffer.from([5, 0]))
  await peer.take(10)
}

describe('openTunnel()', () => {
  it.each(['220 mail.test', '\u0005\u0000', 'HTTP/2 200'])(
    'does not wait for the end of what is no HTTP: %j',
    async (bytes) => {
      const target = await startProxy('http:', async (peer) => {
        await peer.request()
        await peer.write(bytes)
      })
      const error = await transport.failure('https://origin.test', { proxy: target })
      expect(error).toBeInstanceOf(ProxyError)
      expect(error.message).toMatch(/its answer to CONNECT was not HTTP$/)
      await until(() => proxy!.openSockets.size === 0)
    },
  )
})

describe('openSocksTunnel()', () => {
  it('notices a proxy that has left before the handshake', async () => {
    const target = await startProxy('socks5h:', (peer) => peer.socket.destroy())
    for (let index = 0; index < 5; index++) {
      const error = await transport.failure('http://127.0.0.1:1', { proxy: target })
      expect(error).toBeInstanceOf(ProxyError)
    }
  })

  it('keeps what comes together with the grant, for TLS', async () => {
    const target = await startProxy('socks5h:', async (peer) => {
      await untilConnect(peer)
      await peer.write(Buffer.concat([granted, Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]))
    })
    const error = await transport.failure('https://127.0.0.1:1', { proxy: target })
    expect(error).toBeInstanceOf(SSLError)
    expect(error.message).toMatch(/wrong version number/)
  })

  it('keeps what comes together with the grant, for HTTP', async () => {
    const target = await startProxy('socks5h:', async (peer) => {
      await untilConnect(peer)
      await peer.write(Buffer.concat([granted, Buffer.from('hello\r\n\r\n')]))
    })
    const error = await transport.failure('http://127.0.0.1:1', { proxy: target })
    expect(error.constructor).toBe(ConnectionError)
    expect(error.message).toMatch(/^No response from|^Could not connect/)
  })

  it('leaves a socket that works', async () => {
    const target = await startProxy('socks5h:', async (peer) => {
      await untilConnect(peer)
      await peer.write(granted)
      while ((await peer.request()) !== undefined) await peer.write(answer('fine'))
    })
    for (let index = 0; index < 3; index++) {
      expect(text(await transport.fetch('http://127.0.0.1:1', { proxy: target }))).toBe('fine')
    }
    expect(proxy!.connections).toBe(1)
  })
})
