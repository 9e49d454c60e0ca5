import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionError, ProxyError, RequestError, SSLError } from '../../../src/errors.ts'
import type { ProxyTarget } from '../../../src/transport/exchange.ts'
import { TestConnections, text } from '../../helpers/exchanges.ts'
import { answer, startFaultServer, type FaultServer, type Script } from '../../helpers/fault-server.ts'
import fc from '../../helpers/fast-check.ts'
import { until } from '../../helpers/gate.ts'
import { straysOf } from '../../helpers/strays.ts'

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
  it.each(['220 mail.test', '\u0005\u0000', 'HTTP/2 200', 'HTTP/1.1 OK\r\n\r\n', 'HTTP/1.7 200 OK\r\n\r\n'])(
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

describe('openTunnel() to a proxy that will not', () => {
  it.each([
    ['HTTP/1.1 502 Sorry', 'it answered 502 Bad Gateway'],
    ['HTTP/1.1 799 Whatever', 'it answered 799'],
    ['HTTP/1.1 101 Switching', 'it answered 101 Switching Protocols'],
  ])('says what it answered: %s', async (line, reason) => {
    const target = await startProxy('http:', async (peer) => {
      await peer.request()
      await peer.write(`${line}\r\n\r\n`)
    })
    const { message } = await transport.failure('https://origin.test', { proxy: target })
    expect(message.endsWith(`: ${reason}`), message).toBe(true)
  })
})

describe('resolveHere()', () => {
  it.each([
    ['one address', '127.0.0.1', 4],
    ['a list, as Node asks for elsewhere', [{ address: '127.0.0.1', family: 4 }], undefined],
  ])('takes what a look-up of the caller’s gives: %s', async (_, address, family) => {
    const asked: string[] = []
    const target = await startProxy('socks5:', async (peer) => {
      await untilConnect(peer)
      await peer.write(granted)
      await peer.request()
      await peer.write(answer('fine'))
    })
    const resolving = new TestConnections({
      lookup: (hostname, _options, callback) => {
        asked.push(hostname)
        callback(null, address, family)
      },
    })
    const response = await resolving.fetch('http://name.test', { proxy: target })
    await resolving.close()
    expect([asked, text(response)]).toEqual([['name.test'], 'fine'])
  })
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

  it('meets whatever a proxy says, in whatever pieces, with an error of this one exchange', async () => {
    const words = [[5, 0], [5, 2], [5, 0xff], [1, 0], [1, 1], [...granted], [5, 0, 0, 3, 3, 97, 98], [5, 0, 0, 3, 255],
      [5, 0, 0, 4, ...Array<number>(18).fill(255)], [5, 0, 0, 9, 0], [0], [72, 84, 84, 80], Array<number>(300).fill(5)] // prettier-ignore
    const answers = fc.array(fc.constantFrom(...words), { maxLength: 5 }).map((each) => Buffer.from(each.flat()))
    const ends = fc.constantFrom('end', 'destroy', 'resetAndDestroy', undefined)
    let script: Script = () => undefined
    const target = await startProxy('socks5h:', (peer) => script(peer))
    const property = fc.asyncProperty(
      answers, fc.integer({ min: 1, max: 40 }), ends, fc.boolean(), fc.boolean(),
      async (bytes, size, end, isSecure, hasPassword) => {
        script = async (peer) => {
          for (let at = 0; at < bytes.length; at += size) await peer.write(bytes.subarray(at, at + size))
          if (end !== undefined) peer.socket[end]()
        }
        const credentials = hasPassword ? { username: 'u', password: 'p'.repeat(255) } : {}
        const proxy = { ...target, ...credentials }
        const url = `${isSecure ? 'https' : 'http'}://origin.test`
        const error = await transport.failure(url, { proxy, connectTimeout: 30, readTimeout: 60 })
        expect(error).toBeInstanceOf(RequestError)
      },
    ) // prettier-ignore
    const strays = await straysOf(() => fc.assert(property, { numRuns: 300 }))
    expect(strays).toEqual([])
    await until(() => proxy!.openSockets.size === 0)
  })

  const answered = Buffer.concat([granted, answer('unasked')])
  it.each<[string, (peer: Parameters<Script>[0]) => unknown]>([
    ['FIN', (peer) => peer.socket.end(granted)],
    ['a response and FIN', (peer) => peer.socket.end(answered)],
    ['RST', async (peer) => peer.write(granted).then(() => peer.reset())],
    ['a response and RST', async (peer) => peer.write(answered).then(() => peer.reset())],
  ])('survives a proxy that grants the connection and ends it by %s', async (_name, end) => {
    const target = await startProxy('socks5h:', async (peer) => {
      await untilConnect(peer)
      await end(peer)
    })
    const strays = await straysOf(async () => {
      for (const origin of ['http://127.0.0.1:1', 'https://127.0.0.1:1']) {
        expect(await transport.failure(origin, { proxy: target })).toBeInstanceOf(ConnectionError)
      }
    })
    expect(strays).toEqual([])
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
