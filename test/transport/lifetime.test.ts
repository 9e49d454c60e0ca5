import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { TestConnections, readAll, text } from '../helpers/exchanges.ts'
import { always, answer, startFaultServer } from '../helpers/fault-server.ts'
import { turn, until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'

/** What would keep the process alive, as Node counts it. */
const alive = (): string[] => process.getActiveResourcesInfo().filter((kind) => /Timeout|TCP|TLS|Immediate/.test(kind))

describe('Connections', () => {
  it('keep nothing alive while they are idle', async () => {
    const server = await startFaultServer(always(answer('ok')))
    const transport = new TestConnections()
    await transport.fetch(server.url, { readTimeout: 300_000 })
    await turn()
    await turn()
    for (const socket of server.openSockets) socket.unref()
    // The server's listener is what is left.
    await until(() => alive().filter((kind) => kind.startsWith('Timeout')).length <= 1)
    await transport.close()
    await server.close()
  })

  it('leave no socket and no timer behind', async () => {
    const before = alive().length
    const server = await startServer((request, response) => {
      if (request.url === '/ok') response.end('ok')
    })
    const transport = new TestConnections()
    await transport.fetch(`${server.url}/ok`)
    await transport.fetch(`${server.url}/ok`, { stream: true })
    const hanging = transport.start(server.url)
    const connecting = transport.start('http://10.255.255.1')
    hanging.response.catch(() => {})
    connecting.response.catch(() => {})
    await until(() => server.active === 1)
    await transport.close()
    await server.close()
    await until(() => alive().length <= before)
  })
})

describe('exchange()', () => {
  it('runs listeners and the source of a body in the context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>()
    const server = await startServer((request, response) => void request.pipe(response))
    const transport = new TestConnections()
    const seen: (string | undefined)[] = []
    const note = (): void => void seen.push(storage.getStore())
    const body = {
      length: undefined,
      async *open() {
        note()
        yield Buffer.from('a')
        await turn()
        note()
        yield Buffer.from('b')
      },
    }
    for (const name of ['first', 'second']) {
      const part = { method: 'POST', body, onUploadProgress: note, onDownloadProgress: note }
      await storage.run(name, async () => transport.fetch(server.url, part))
      expect(seen.length).toBeGreaterThan(5)
      expect(new Set(seen.splice(0))).toEqual(new Set([name]))
    }
    await transport.close()
    await server.close()
  })

  it('abort() still reaches a streamed body that has arrived and was not read', async () => {
    const server = await startServer((_request, response) => response.end('x'.repeat(1000)))
    const transport = new TestConnections()
    const exchange = transport.start(server.url, { stream: true })
    const { stream } = await exchange.response
    const chunks = stream![Symbol.asyncIterator]()
    await chunks.next()
    await turn()
    const reason = new Error('enough')
    exchange.abort(reason)
    await stream!.ended
    expect(text(await transport.fetch(server.url))).toHaveLength(1000)
    await transport.close()
    await server.close()
  })

  it('reads two streamed bodies at once', async () => {
    const server = await startServer((request, response) => response.end((request.url ?? '').repeat(100_000)))
    const transport = new TestConnections()
    const bodies = await Promise.all(
      ['/a', '/b'].map(async (path) =>
        readAll((await transport.fetch(`${server.url}${path}`, { stream: true })).stream!),
      ),
    )
    expect(bodies.map((body) => body.toString())).toEqual(['/a'.repeat(100_000), '/b'.repeat(100_000)])
    await transport.close()
    await server.close()
  })
})
