import { AsyncLocalStorage } from 'node:async_hooks'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { ExecutorClosedError, HTTPError, Response } from '../../src/index.ts'
import { Pool, type Job } from '../../src/pool/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { answering, collect, collectBoth, isBalanced, jobs } from './collect.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(...args: Parameters<typeof startServer>): Promise<TestServer> {
  const server = await startServer(...args)
  cleanups.push(() => server.close())
  return server
}

describe('Pool', () => {
  test('does its jobs and gives the responses as they complete', async () => {
    const server = await serve()
    const pool = new Pool({ jobQueue: jobs(20, server.url), numProcesses: 3 })
    const responses = await collect(pool.responses())
    expect(responses.map(({ url }) => url).sort()).toEqual(
      jobs(20, server.url)
        .map(({ url }) => url)
        .sort(),
    )
    expect(await collect(pool.exceptions())).toEqual([])
    expect(pool.stats()).toEqual({ submitted: 20, responses: 20, exceptions: 0, cancelled: 0 })
  })

  test('does methods, params, json and data as a session does', async () => {
    const server = await serve((request, response) => {
      const body: Buffer[] = []
      request.on('data', (chunk: Buffer) => body.push(chunk))
      request.on('end', () => response.end(`${request.method!} ${request.url!} ${Buffer.concat(body).toString()}`))
    })
    const jobQueue: Job[] = [
      { url: server.url },
      { method: 'POST', url: `${server.url}/p`, json: { a: 1 } },
      { method: 'put', url: `${server.url}/u`, data: { b: 2 }, params: { q: 'x y' } },
    ]
    const pool = new Pool({ jobQueue, numProcesses: 1 })
    const texts = (await collect(pool.responses())).map((response) => response.text())
    expect(texts).toEqual(['GET / ', 'POST /p {"a":1}', 'PUT /u?q=x+y b=2'])
  })

  test('runs at most numProcesses jobs at once, each worker one', async () => {
    const session = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(9), numProcesses: 3, session: () => session })
    await until(() => session.requests.length === 3)
    await turn()
    expect(session.requests).toHaveLength(3)
    session.answer(0)
    await until(() => session.requests.length === 4)
    for (let index = 1; index < 9; index++) {
      await until(() => session.requests.length > index)
      session.answer(index)
    }
    await pool.joinAll()
    expect(session.peak).toBe(3)
  })

  test('can be read one after the other, in either order, or at the same time', async () => {
    const session = (): ReturnType<typeof answering> =>
      answering((url) => {
        if (/[13579]$/.test(url)) throw new Error(url)
        return { url }
      })
    for (const order of ['responses', 'exceptions', 'both']) {
      const pool = new Pool({ jobQueue: jobs(10), numProcesses: 2, session })
      if (order === 'responses') expect(await collect(pool.responses())).toHaveLength(5)
      if (order === 'exceptions') expect(await collect(pool.exceptions())).toHaveLength(5)
      const rest = await collectBoth(pool.responses(), pool.exceptions())
      expect(rest.responses).toHaveLength(order === 'responses' ? 0 : 5)
      expect(rest.exceptions).toHaveLength(order === 'exceptions' ? 0 : 5)
    }
  })

  test('streams while jobs run', async () => {
    const session = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(2), numProcesses: 2, session: () => session })
    const responses = pool.responses()
    await until(() => session.requests.length === 2)
    session.answer(1)
    expect((await responses.next()).value?.response).toBe('http://x/1')
    expect(pool.stats()).toEqual({ submitted: 2, responses: 1, exceptions: 0, cancelled: 0 })
    session.answer(0)
    expect((await responses.next()).value?.response).toBe('http://x/0')
    expect(await responses.next()).toEqual({ done: true, value: undefined })
  })

  test('non-2xx are responses; raiseForStatus of a job or the pool makes them exceptions', async () => {
    const server = await serve((request, response) => {
      response.statusCode = Number(request.url!.slice(1))
      response.end('body')
    })
    const urls = [`${server.url}/200`, `${server.url}/404`, `${server.url}/503`]
    const plain = new Pool({ jobQueue: urls.map((url) => ({ url })), numProcesses: 1 })
    expect((await collect(plain.responses())).map(({ status }) => status)).toEqual([200, 404, 503])

    const one = new Pool({
      jobQueue: urls.map((url, index) => ({ url, raiseForStatus: index === 1 })),
      numProcesses: 1,
    })
    expect((await collect(one.responses())).map(({ status }) => status)).toEqual([200, 503])

    const [first, ...others] = urls.map((url) => ({ url, raiseForStatus: undefined }))
    const jobQueue = [first!, ...others.map((job) => ({ ...job })), { url: urls[1]!, raiseForStatus: false }]
    const raising = new Pool({ jobQueue, numProcesses: 1, raiseForStatus: true })
    expect((await collect(raising.responses())).map(({ status }) => status)).toEqual([200, 404])
    const exceptions = await collect(raising.exceptions())
    expect(exceptions.map(({ exception }) => (exception as HTTPError).response.status)).toEqual([404, 503])
    expect(exceptions[0]!.exception).toBeInstanceOf(HTTPError)
  })

  test('jobs run in the async context of whoever made the pool, put ones in that of whoever put them', async () => {
    const storage = new AsyncLocalStorage<string>()
    const session = answering((url) => ({ url: `${url} ${String(storage.getStore())}` }))
    const pool = storage.run('maker', () => new Pool({ jobQueue: jobs(2), numProcesses: 1, session: () => session }))
    storage.run('putter', () => pool.put({ url: 'put' }))
    expect((await collect(pool.responses())).map(({ url }) => url)).toEqual([
      'http://x/0 maker',
      'http://x/1 maker',
      'put putter',
    ])
  })
})

describe('Pool.put()', () => {
  test('feeds a pool without a jobQueue until it is closed', async () => {
    const pool = new Pool({ numProcesses: 2, session: () => answering() })
    const responses = pool.responses()
    pool.put({ url: 'a' })
    expect((await responses.next()).value?.url).toBe('a')
    await turn()
    pool.put({ url: 'b' })
    pool.close()
    expect((await responses.next()).value?.url).toBe('b')
    expect((await responses.next()).done).toBe(true)
    expect(() => pool.put({ url: 'c' })).toThrow(ExecutorClosedError)
  })

  test('late jobs are done, even when the jobQueue was exhausted long ago', async () => {
    const pool = new Pool({ jobQueue: jobs(1), numProcesses: 1, session: () => answering() })
    await until(() => pool.stats().responses === 1)
    await turn()
    pool.put({ url: 'late' })
    await until(() => pool.stats().responses === 2)
    await pool.joinAll()
    expect((await collect(pool.responses())).map(({ url }) => url)).toEqual(['http://x/0', 'late'])
  })

  test('from within the loop over the responses keeps the pool going', async () => {
    const pool = new Pool({ jobQueue: [{ url: '1' }], numProcesses: 2, session: () => answering() })
    const seen: string[] = []
    for await (const { url } of pool.responses()) {
      seen.push(url)
      await turn()
      if (Number(url) < 5) pool.put({ url: String(Number(url) + 1) })
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5'])
    expect(() => pool.put({ url: '6' })).toThrow(ExecutorClosedError)
  })

  test('overtakes an endless input', async () => {
    function* endless(): Generator<Job> {
      for (;;) yield { url: 'endless' }
    }
    const pool = new Pool({ jobQueue: endless(), numProcesses: 1, session: () => answering() })
    const responses = pool.responses()
    await responses.next()
    pool.put({ url: 'put' })
    while ((await responses.next()).value?.url !== 'put');
    await pool[Symbol.asyncDispose]()
    expect(isBalanced(pool)).toBe(true)
  })

  test('what is no job is a TypeError', () => {
    const pool = new Pool({ session: () => answering() })
    for (const bad of [undefined, null, 'http://x', 5, [], new URL('http://x'), () => ({})]) {
      expect(() => pool.put(bad as unknown as Job)).toThrow(TypeError)
    }
    pool.cancel()
    expect(pool.stats().submitted).toBe(0)
  })
})

describe('Pool.joinAll()', () => {
  test('waits for all jobs, after which results can be taken without waiting', async () => {
    const session = answering((url) => {
      if (url.endsWith('1')) throw new Error('one')
      return { url }
    })
    const pool = new Pool({ jobQueue: jobs(3), session: () => session })
    expect(pool.getResponse()).toBe(undefined)
    expect(pool.getException()).toBe(undefined)
    await pool.joinAll()
    expect([pool.getResponse()?.url, pool.getResponse()?.url].sort()).toEqual(['http://x/0', 'http://x/2'])
    expect(pool.getResponse()).toBe(undefined)
    expect(pool.getException()?.message).toBe('one')
    expect(pool.getException()).toBe(undefined)
  })

  test('closes the pool: no more jobs', async () => {
    const pool = new Pool({ session: () => answering() })
    const joined = pool.joinAll()
    expect(() => pool.put({ url: 'a' })).toThrow(ExecutorClosedError)
    await joined
    await pool.joinAll()
  })

  test('resolves when no socket is open any more', async () => {
    const server = await serve()
    const pool = new Pool({ jobQueue: jobs(10, server.url), numProcesses: 3 })
    await pool.joinAll()
    await until(() => server.openSockets.size === 0)
    expect(pool.getResponse()).toBeInstanceOf(Response)
  })

  test('of an empty pool resolves, and its streams end', async () => {
    for (const jobQueue of [[], undefined]) {
      const pool = new Pool({ ...(jobQueue && { jobQueue }), session: () => answering() })
      await pool.joinAll()
      expect(await collectBoth(pool.responses(), pool.exceptions())).toEqual({ responses: [], exceptions: [] })
    }
    const empty = new Pool({ jobQueue: [], session: () => answering() })
    expect(await collect(empty.exceptions())).toEqual([])
  })

  test('a streamed body holds its worker, and outlives joinAll()', async () => {
    const server = await serve()
    const pool = new Pool({ jobQueue: jobs(2, server.url).map((job) => ({ ...job, stream: true })), numProcesses: 1 })
    const responses = pool.responses()
    const first = (await responses.next()).value!
    await turn()
    expect(server.seen).toHaveLength(1)
    await first.read()
    const second = (await responses.next()).value!
    await pool.joinAll()
    expect(server.openSockets.size).toBe(1)
    expect((await second.read()).json()).toEqual({ method: 'GET', url: '/1' })
    await until(() => server.openSockets.size === 0)
  })

  test('five streamed bodies of nothing that nobody reads stop no pool', async () => {
    const server = await serve((request, response) => {
      response.writeHead(200, request.url === '/5' ? {} : { 'content-encoding': 'gzip' })
      response.end(request.url === '/5' ? 'the last' : gzipSync(''))
    })
    const pool = new Pool({ jobQueue: jobs(6, server.url).map((job) => ({ ...job, stream: true })), numProcesses: 2 })
    const responses = await collect(pool.responses())
    const last = responses.find(({ url }) => url.endsWith('/5'))!
    expect((await last.read()).text()).toBe('the last')
    await pool.joinAll()
    expect(pool.stats()).toMatchObject({ responses: 6 })
  })
})
