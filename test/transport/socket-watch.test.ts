import diagnostics from 'node:diagnostics_channel'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkedEncodingError } from '../../src/errors.ts'
import type { BodyStream, Dispatcher, ExchangeResponse } from '../../src/transport/exchange.ts'
import { readAll, TestConnections, text } from '../helpers/exchanges.ts'
import { startFaultServer, type FaultServer, type Peer } from '../helpers/fault-server.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { straysOf } from '../helpers/strays.ts'
import { tlsFixture } from '../helpers/tls.ts'

const cleanups: (() => unknown)[] = []
let transport: TestConnections
beforeEach(() => void (transport = new TestConnections()))
afterEach(async () => {
  await transport.close()
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(script: (peer: Peer) => unknown): Promise<FaultServer> {
  const server = await startFaultServer(async (peer) => {
    await peer.request()
    await script(peer)
  })
  cleanups.push(() => server.close())
  return server
}

function makeAgent(options?: Agent.Options): Agent {
  const agent = new Agent(options)
  cleanups.push(() => agent.destroy())
  return agent
}

const turns = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index++) await turn()
}

/** More than a stream holds. */
const long = Buffer.alloc(150_000, 'many bytes')
const sized = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${long.length}\r\n\r\n`), long])
const endless = Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), long])

/** Its connection rests. */
async function paused(url: string, dispatcher?: Dispatcher): Promise<BodyStream> {
  const { stream } = await transport.fetch(url, { stream: true, dispatcher })
  await until(() => stream!.bytes >= 65_536)
  await turns(5)
  expect(stream!.bytes).toBeLessThan(long.length)
  return stream!
}

describe.each([
  ['a connection of ours', () => undefined],
  ['an Agent', () => makeAgent()],
])('a paused response on %s', (_name, make) => {
  it('goes on for a reader that is called by the parser of another one', async () => {
    const dispatcher = make()
    const server = await serve((peer) => peer.write(sized))
    const stream = await paused(server.url, dispatcher)
    const chunks = stream[Symbol.asyncIterator]()
    let read = 0
    let pending: Promise<unknown> | undefined
    const readOn = async (): Promise<void> => {
      // What is held already, so that the next one has to come from the connection.
      while (read < stream.bytes) read += ((await chunks.next()).value as Uint8Array).length
    }
    await readOn()
    const strays = await straysOf(async () => {
      const onDownloadProgress = (): void => {
        pending ??= chunks.next()
      }
      await transport.fetch(server.url, { dispatcher, onDownloadProgress })
      expect(await pending).toMatchObject({ done: false })
    })
    expect(strays).toEqual([])
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) expect(chunk.length).toBeGreaterThan(0)
    expect(stream.bytes).toBe(long.length)
  })

  it('is whole if a reset follows its end', async () => {
    const server = await serve(async (peer) => {
      peer.socket.end(endless)
      await turns(10)
      peer.reset()
    })
    const stream = await paused(server.url, make())
    await turns(20)
    expect((await readAll(stream)).equals(long)).toBe(true)
  })

  it('holds no more than a little of what is sent, and gives that before the error', async () => {
    let sent = 0
    const full = gate()
    const server = await serve(async (peer) => {
      await peer.write('HTTP/1.0 200 OK\r\n\r\n')
      peer.socket.once('close', () => full.open())
      for (let isFull = false; !isFull && sent < 64 * 1024 * 1024; sent += long.length) {
        isFull = !peer.socket.write(long) && (await Promise.race([drained(peer), later()]))
      }
      peer.reset()
    })
    const { stream } = await transport.fetch(server.url, { stream: true, dispatcher: make() })
    await full.promise
    await turns(20)
    expect(sent).toBeLessThan(32 * 1024 * 1024)
    expect(stream!.bytes).toBeLessThan(256 * 1024)
    let read = 0
    const reading = (async () => {
      for await (const chunk of stream!) read += chunk.length
    })()
    await expect(reading).rejects.toBeInstanceOf(ChunkedEncodingError)
    expect(read).toBeGreaterThan(65_535)
  })
})

/** Resolves to false: there is room again. */
const drained = async ({ socket }: Peer): Promise<boolean> =>
  new Promise((resolve) => socket.once('drain', () => resolve(false)))
const later = async (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(true), 200))

describe('watchNextSocket()', () => {
  it('lets a dispatcher be destroyed from within a callback of its parser', async () => {
    const agent = makeAgent()
    const server = await serve((peer) => peer.write(sized))
    const stream = await paused(server.url, agent)
    const strays = await straysOf(async () => {
      const onDownloadProgress = (): void => void agent.destroy().catch(() => {})
      await transport.fetch(server.url, { dispatcher: agent, onDownloadProgress }).catch(() => {})
      await expect(readAll(stream)).rejects.toBeInstanceOf(ChunkedEncodingError)
    })
    expect(strays).toEqual([])
  })

  it('takes no notice of what others say where undici tells of requests, nor of requests without a socket', async () => {
    const channel = diagnostics.channel('undici:client:sendHeaders')
    const dispatcher: Dispatcher = {
      dispatch(_options, handler) {
        const { onRequestStart, onResponseStart, onResponseEnd } = handler as Record<
          string,
          (...args: unknown[]) => void
        >
        const controller = { pause() {}, resume() {}, abort() {} }
        onRequestStart!.call(handler, controller, {})
        channel.publish({})
        onResponseStart!.call(handler, controller, 204, {})
        onResponseEnd!.call(handler, controller, {})
        return true
      },
    }
    expect(await transport.fetch('http://nowhere.test', { dispatcher })).toMatchObject({ status: 204 })
    await turn()
    expect(channel.hasSubscribers).toBe(false)
  })

  it('leaves HTTP/2 alone', async () => {
    const server = http2.createSecureServer({ cert: tlsFixture('server.pem'), key: tlsFixture('server.key') })
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.end('over HTTP/2')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => server.close())
    const agent = makeAgent({ allowH2: true, connect: { rejectUnauthorized: false } })
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    const responses: ExchangeResponse[] = []
    for (let index = 0; index < 3; index++) responses.push(await transport.fetch(url, { dispatcher: agent }))
    expect(responses.map(text)).toEqual(Array(3).fill('over HTTP/2'))
  })
})
