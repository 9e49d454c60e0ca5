/** SECURITY.md, "Modules": what is imported is what the caller has named, by a reference where a reference is asked for. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FuturesSession, InProcessExecutor, Session, taskReference, WorkerThreadExecutor } from '../../src/index.ts'
import type { RequestOptions } from '../../src/index.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

let server: TestServer
let session: Session

/** Says that it was imported. */
const module = 'data:text/javascript,globalThis.wasImported = true; export default () => undefined'
const reference = { module, name: 'default' }
const wasImported = (): unknown => (globalThis as { wasImported?: unknown }).wasImported

beforeEach(async () => {
  server = await startServer((_, response) => {
    response.setHeader('Link', `<${module}>; rel="modulepreload"`)
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(reference))
  })
  session = new Session({ trustEnv: false })
})
afterEach(async () => {
  await session.close()
  await server.close()
  Reflect.deleteProperty(globalThis, 'wasImported')
})

describe('What looks like a task reference is not imported', () => {
  it('as a body, a part of one, a query, headers, cookies or `context`, in process or in a thread', async () => {
    await using executor = new WorkerThreadExecutor({ threads: 1 })
    await using futures = new FuturesSession({ executor, session })
    const all: RequestOptions[] = [
      { data: reference },
      { json: reference },
      { json: [reference] },
      { files: { file: ['name', module] }, data: reference },
      { params: reference },
      { headers: { module: 'data:x', name: 'default' } },
      { cookies: { module: 'data:x', name: 'default' } },
      { context: reference },
    ]
    for (const options of all) {
      expect((await session.post(server.url, options)).status).toBe(200)
      expect((await futures.post(server.url, options).result()).status).toBe(200)
    }
    expect(wasImported()).toBeUndefined()
  })

  it('where a server has sent it: a hook that returns it has made a mistake', async () => {
    const hooks = { response: (response: { json(): unknown }) => response.json() as never }
    await expect(session.get(server.url, { hooks })).rejects.toThrow(/Expected the response hook to return a Response/)
    const auth = async function* (request: never): AsyncGenerator<never, never, { json(): never }> {
      return (yield request).json()
    }
    await expect(session.get(server.url, { auth: auth as never })).rejects.toThrow(/to return a PreparedRequest/)
    expect(wasImported()).toBeUndefined()
  })

  it('but as `auth`, and in `hooks`: these options name code, and are not for others to fill in', async () => {
    await session.get(server.url, { hooks: { response: reference } })
    expect(wasImported()).toBe(true)
  })
})

describe('taskReference()', () => {
  it.each(['./x.js', '../x.js', '/x.js', '.\\x.js', '\\\\host\\x.js', ''])('takes no path: %j', (path) => {
    expect(() => taskReference(path, 'default')).toThrow(TypeError)
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'prototype'])(
    'names what the module exports, which %s is not',
    async (name) => {
      await using here = new InProcessExecutor()
      await using threads = new WorkerThreadExecutor({ threads: 1 })
      for (const executor of [here, threads]) {
        const future = executor.submit(taskReference('node:path', name))
        await expect(future.result()).rejects.toThrow(/to export a function/)
      }
    },
  )

  it('brings nothing from the network', async () => {
    await using here = new InProcessExecutor()
    await using threads = new WorkerThreadExecutor({ threads: 1 })
    for (const executor of [here, threads]) {
      for (const url of [server.url, server.url.replace('http:', 'https:')]) {
        await expect(executor.submit(taskReference(url, 'default')).result()).rejects.toThrow(/scheme|protocol/i)
      }
    }
    expect(server.seen).toEqual([])
  })
})
