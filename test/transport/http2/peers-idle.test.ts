/** Connections that nobody uses, and the end of sessions and processes: semantic 12 of HTTP/2. */
import { afterEach, describe, expect, test } from 'vitest'
import { SessionClosedError } from '../../../src/index.ts'
import { gate, until } from '../../helpers/gate.ts'
import { answer, data, response } from '../../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../../helpers/h2/site.ts'
import { runSource } from '../../helpers/run-source.ts'
import { straysOf } from '../../helpers/strays.ts'

const site = new Http2Site()
afterEach(() => site.close())

const program = (url: string, code: string): string => `
  import { FuturesSession } from './src/index.ts'
  const session = new FuturesSession({ http2: true, trustEnv: false, verify: false, maxWorkers: 20 })
  const url = ${JSON.stringify(url)}
  ${code}`

describe('An idle connection', () => {
  test('is used again, and closed after keepAliveTimeout', async () => {
    const server = await site.server()
    const session = site.session({ poolOptions: { keepAliveTimeout: 300 } })
    for (let turns = 0; turns < 5; turns++) await session.get(server.url).result()
    expect(server.protocols).toHaveLength(1)
    await until(() => server.openSockets.size === 0)
    await session.get(server.url).result()
    expect(server.protocols).toHaveLength(2)
  })

  test('is none as long as a stream is open', async () => {
    const over = gate()
    const server = await site.server((request, answering) => {
      if (request.url === '/late') void over.promise.then(() => answering.end('late'))
      else answering.end('fine')
    })
    const session = site.session({ poolOptions: { keepAliveTimeout: 50 } })
    const late = session.get(`${server.url}/late`)
    await session.get(server.url).result()
    await new Promise((resolve) => setTimeout(resolve, 300))
    over.open()
    expect(await outcomeOf(late)).toBe('200 late')
    expect(server.protocols).toHaveLength(1)
  })

  test('lets the process end by itself', async () => {
    const server = await site.server()
    const { code, stdout, stderr } = await runSource(
      program(
        server.url,
        `for (let turn = 0; turn < 3; turn++) await Promise.all([1, 2, 3].map(() => session.get(url).result()))
        console.log('done')`,
      ),
    )
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: 'done', stderr: '' })
  })

  test('does not let it end in the middle of close()', async () => {
    const server = await site.server()
    const { code, stdout, stderr } = await runSource(
      program(
        server.url,
        `await Promise.all(Array.from({ length: 20 }, () => session.get(url).result()))
        await session.close()
        console.log('closed')`,
      ),
    )
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: 'closed', stderr: '' })
  })

  test('keeps a process alive while a response is under way', async () => {
    const server = await site.server((_request, answering) => void setTimeout(() => answering.end('late'), 300))
    const { code, stdout } = await runSource(
      program(server.url, 'await session.get(url).result()\n console.log(await session.get(url).text())'),
    )
    expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: 'late' })
  })

  test('counts for the bound on idle connections', async () => {
    const servers = await Promise.all(Array.from({ length: 14 }, () => site.server()))
    const session = site.session({ maxWorkers: 2 })
    for (const { url } of servers) await session.get(url).result()
    const open = (): number => servers.reduce((sum, { openSockets }) => sum + openSockets.size, 0)
    await until(() => open() <= 10)
    expect(open()).toBe(10)
    expect(servers.at(-1)!.openSockets.size).toBe(1)
    expect(servers[0]!.openSockets.size).toBe(0)
  })
})

describe('close()', () => {
  test('destroys what is idle, though the server answers nothing', async () => {
    const server = await site.frames(answering(), { answers: false })
    const session = site.session()
    await session.get(server.url).result()
    await session.close()
    await until(() => server.openSockets.size === 0)
  })

  test('waits for what is under way, and leaves nothing', async () => {
    const over = gate()
    const server = await site.server((_request, answering) => void over.promise.then(() => answering.end('late')))
    const session = site.session()
    const futures = Array.from({ length: 5 }, () => session.get(server.url))
    await until(() => server.active === 5)
    const closed = session.close()
    over.open()
    await closed
    for (const future of futures) expect(await outcomeOf(future)).toBe('200 late')
    await until(() => server.openSockets.size === 0)
    expect(() => session.get(server.url)).toThrow(SessionClosedError)
  })

  test('with cancel, and dispose, end what is under way: dialling, waiting, in a body', async () => {
    for (const end of ['cancel', 'dispose', 'async dispose'] as const) {
      const server = await site.frames(
        answering((id, path) => {
          if (path === '/fine') return answer(id)
          return path === '/body' ? Buffer.concat([response(id, 200), data(id, 'ha')]) : undefined
        }),
      )
      const session = site.session()
      const strays = await straysOf(async () => {
        await session.get(`${server.url}/fine`).result()
        const streamed = await session.get(`${server.url}/body`, { stream: true }).result()
        const futures = [session.get(`${server.url}/held`), session.get(`${server.url}/body`)]
        await until(() => server.seen.length === 4)
        const dialling = session.get(server.url.replace('localhost', '127.0.0.1'), { verify: false })
        if (end === 'cancel') await session.close({ cancel: true })
        else if (end === 'dispose') session[Symbol.dispose]()
        else await session[Symbol.asyncDispose]()
        for (const future of [...futures, dialling]) expect(future.cancelled()).toBe(true)
        await expect(streamed.read()).rejects.toThrow()
        await until(() => server.openSockets.size === 0)
      })
      expect(strays).toEqual([])
    }
  })
})
