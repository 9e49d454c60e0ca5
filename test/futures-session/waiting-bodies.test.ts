import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { FuturesSession } from '../../src/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { readBody, startServer } from '../helpers/server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('FuturesSession, streams of requests that wait', () => {
  test('one that fails while its request waits is that request’s error, not an uncaught one', async () => {
    const server = await startServer((request, response) => {
      if (request.url === '/slow') return
      response.end()
    })
    cleanups.push(() => server.close())
    const session = new FuturesSession({ maxWorkers: 1 })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const slow = session.get(`${server.url}/slow`)
    const missing = createReadStream('/nowhere/at/all')
    const future = session.post(server.url, { data: missing })
    const part = createReadStream('/nowhere/else')
    const other = session.post(server.url, { files: { a: ['name', part] } })
    await until(() => missing.errored !== null && part.errored !== null)
    await turn()
    slow.cancel()
    expect(await future.exception()).toMatchObject({ code: 'ENOENT' })
    expect(await other.exception()).toMatchObject({ code: 'ENOENT' })
  })

  test('one whose request is cancelled before it starts is closed', async () => {
    const server = await startServer(() => {})
    cleanups.push(() => server.close())
    const session = new FuturesSession({ maxWorkers: 1 })
    cleanups.push(() => session[Symbol.asyncDispose]())
    session.get(server.url)
    const file = createReadStream(fileURLToPath(import.meta.url))
    session.post(server.url, { data: file }).cancel()
    expect(file.destroyed).toBe(true)
  })

  test('one whose request gets its turn is sent', async () => {
    const server = await startServer((request, response) => {
      void readBody(request).then((body) => response.end(body))
    })
    cleanups.push(() => server.close())
    const session = new FuturesSession()
    cleanups.push(() => session.close())
    expect(await session.post(server.url, { data: Readable.from(['a', 'b', 'c']) }).text()).toBe('abc')
  })
})
