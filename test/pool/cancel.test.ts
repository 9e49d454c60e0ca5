import { afterEach, describe, expect, test } from 'vitest'
import { ExecutorClosedError, Response, type RequestOptions, type SessionLike } from '../../src/index.ts'
import { Pool, type Job } from '../../src/pool/index.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { startServer } from '../helpers/server.ts'
import { answering, collect, collectBoth, isBalanced, jobs } from './collect.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('Pool.cancel()', () => {
  test('stops what runs, drops what waits, keeps what is there', async () => {
    const inner = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(10), numProcesses: 3, session: () => inner })
    await until(() => inner.requests.length === 3)
    inner.answer(1)
    await until(() => inner.requests.length === 4)
    pool.cancel('enough')
    expect(pool.stats()).toEqual({ submitted: 10, responses: 1, exceptions: 0, cancelled: 9 })
    expect(inner.requests.map(({ options }) => options.signal!.aborted)).toEqual([true, false, true, true])
    expect((inner.requests[0]!.options.signal!.reason as Error).cause).toBe('enough')
    await pool.joinAll()
    expect(inner.requests).toHaveLength(4)
    const { responses, exceptions } = await collectBoth(pool.responses(), pool.exceptions())
    expect(responses.map(({ response }) => response)).toEqual(['http://x/1'])
    expect(exceptions).toEqual([])
  })

  test('ends readers at once, and tells the input', async () => {
    let isEnded = false
    function* endless(): Generator<Job> {
      try {
        for (;;) yield { url: 'a' }
      } finally {
        isEnded = true
      }
    }
    const inner = new GatedSession({ isStubborn: true })
    const pool = new Pool({ jobQueue: endless(), numProcesses: 1, session: () => inner })
    const next = [pool.responses().next(), pool.exceptions().next()]
    await until(() => inner.requests.length === 1)
    pool.cancel()
    expect(await Promise.all(next)).toEqual(Array(2).fill({ done: true, value: undefined }))
    expect(isEnded).toBe(true)
    let isJoined = false
    const joined = pool.joinAll().then(() => (isJoined = true))
    await turn()
    expect(isJoined).toBe(false)
    inner.answerAll()
    await joined
    expect(pool.stats()).toEqual({ submitted: 1, responses: 0, exceptions: 0, cancelled: 1 })
  })

  test('from within a loop over the responses ends the loop after what is there', async () => {
    const pool = new Pool({ jobQueue: jobs(100), numProcesses: 2, session: () => answering() })
    const seen: unknown[] = []
    for await (const response of pool.responses()) if (seen.push(response) === 10) pool.cancel()
    const { responses, cancelled } = pool.stats()
    expect(seen).toHaveLength(responses)
    expect(responses + cancelled).toBe(100)
  })

  test('while initializers run starts nothing, and closes what was made', async () => {
    const ready = gate()
    let open = 0
    const session = (): SessionLike<unknown> => {
      open++
      return { ...answering(), close: () => open-- }
    }
    const pool = new Pool({ jobQueue: jobs(3), numProcesses: 2, session, initializer: () => ready.promise })
    await turn()
    const next = pool.responses().next()
    pool.cancel()
    expect((await next).done).toBe(true)
    ready.open()
    await pool.joinAll()
    expect(open).toBe(0)
    expect(pool.stats()).toEqual({ submitted: 3, responses: 0, exceptions: 0, cancelled: 3 })
  })

  test('at once makes no session at all, may be repeated, and refuses more', async () => {
    let made = 0
    const pool = new Pool({ jobQueue: jobs(3), session: () => (made++, answering()) })
    pool.cancel()
    pool.cancel()
    await pool.joinAll()
    pool.cancel()
    expect(made).toBe(0)
    expect(pool.stats()).toEqual({ submitted: 3, responses: 0, exceptions: 0, cancelled: 3 })
    expect(() => pool.put({ url: 'a' })).toThrow(ExecutorClosedError)
  })

  test('ends streamed bodies, also when all jobs are done', async () => {
    const server = await startServer((_, response) => void response.write('a'))
    cleanups.push(() => server.close())
    for (const isJoined of [false, true]) {
      const pool = new Pool({ jobQueue: [{ url: server.url, stream: true }], numProcesses: 1 })
      const response = (await pool.responses().next()).value!
      if (isJoined) await pool.joinAll()
      const text = collect(response.iterContent())
      text.catch(() => {})
      await turn()
      pool.cancel('stop')
      await expect(text).rejects.toMatchObject({ code: 'ABORT_ERR' })
      await pool[Symbol.asyncDispose]()
      await until(() => server.openSockets.size === 0)
      expect(pool.stats()).toEqual({ submitted: 1, responses: 1, exceptions: 0, cancelled: 0 })
    }
  })
})

describe('leaving a pool', () => {
  test('by dispose cancels and returns at once', async () => {
    const inner = new GatedSession()
    const pool = new Pool({ jobQueue: jobs(5), numProcesses: 2, session: () => inner })
    await until(() => inner.requests.length === 2)
    pool[Symbol.dispose]()
    expect((inner.requests[0]!.options.signal!.reason as Error).cause).toBeInstanceOf(ExecutorClosedError)
    expect(pool.stats().cancelled).toBe(5)
    expect(await collect(pool.responses())).toEqual([])
  })

  test('by async dispose waits until the work has stopped and the sessions are closed', async () => {
    const inner = Object.assign(new GatedSession({ isStubborn: true }), { closed: 0 })
    const session = { request: inner.request.bind(inner), close: () => inner.closed++ }
    const pool = new Pool({ jobQueue: jobs(5), numProcesses: 2, session: () => session })
    await until(() => inner.requests.length === 2)
    let isDisposed = false
    const disposed = pool[Symbol.asyncDispose]().then(() => (isDisposed = true))
    await turn()
    expect(isDisposed).toBe(false)
    inner.answerAll()
    await disposed
    expect(inner.closed).toBe(2)
    expect(isBalanced(pool)).toBe(true)
  })

  test('by async dispose leaves no socket, with a real session', async () => {
    const server = await startServer(() => {})
    cleanups.push(() => server.close())
    const pool = new Pool({ jobQueue: jobs(50, server.url), numProcesses: 5 })
    await until(() => server.active === 5)
    await pool[Symbol.asyncDispose]()
    await until(() => server.openSockets.size === 0)
    expect(server.seen).toHaveLength(5)
    expect(pool.stats()).toEqual({ submitted: 50, responses: 0, exceptions: 0, cancelled: 50 })
  })

  test('that has failed rejects nothing', async () => {
    const pool = new Pool({ jobQueue: jobs(1), initializer: () => Promise.reject(new Error('no')) })
    await expect(pool.responses().next()).rejects.toThrow('no')
    await pool[Symbol.asyncDispose]()
    pool[Symbol.dispose]()
  })
})

/** The same numbers each time. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

describe('10 000 jobs with random faults', () => {
  const total = 10_000

  /** Answers in any of the ways there are. */
  class MoodySession implements SessionLike<unknown> {
    readonly #random: () => number

    constructor(random: () => number) {
      this.#random = random
    }

    request(_method: string, url: string | URL, { signal }: RequestOptions = {}): PromiseLike<unknown> {
      const mood = Math.floor(this.#random() * 10)
      const reasons = [undefined, null, 0, '', new Error('mood'), { thrown: true }]
      const reason = reasons[Math.floor(this.#random() * reasons.length)]
      if (mood === 0) throw reason
      if (mood === 1) return Promise.reject(reason)
      if (mood === 2) return Promise.resolve(reason)
      if (mood === 3) return undefined as unknown as PromiseLike<unknown>
      if (mood > 6) return Promise.resolve({ url })
      return new Promise((resolve, reject) => {
        signal!.addEventListener('abort', () => reject(signal!.reason), { once: true })
        setTimeout(() => (mood === 4 ? reject(reason) : resolve(Object.freeze({ url }))), this.#random() * 3)
      })
    }
  }

  for (const cancelAt of [0, 5_000, Infinity]) {
    for (const kind of ['a list', 'a generator', 'put']) {
      test(`lose none: ${kind}, cancelled after ${cancelAt} results`, async () => {
        const random = randomFrom(total + Math.min(cancelAt, total))
        const session = new MoodySession(random)
        const list: Job[] = jobs(total)
        const jobQueue = kind === 'a list' ? list : kind === 'a generator' ? list.values() : undefined
        const pool = new Pool({ ...(jobQueue && { jobQueue }), numProcesses: 16, session: () => session })
        if (jobQueue === undefined) for (const job of list) pool.put(job)
        pool.close()
        const seen: Job[] = []
        const take = async (results: AsyncIterable<{ requestKwargs: Job }>): Promise<void> => {
          for await (const { requestKwargs } of results) if (seen.push(requestKwargs) === cancelAt) pool.cancel()
        }
        if (cancelAt === 0) pool.cancel()
        await Promise.all([take(pool.responses()), take(pool.exceptions()), pool.joinAll()])
        const { submitted, responses, exceptions, cancelled } = pool.stats()
        expect(submitted).toBe(responses + exceptions + cancelled)
        expect(seen).toHaveLength(responses + exceptions)
        expect(new Set(seen).size).toBe(seen.length)
        if (cancelAt === Infinity) expect([submitted, cancelled]).toEqual([total, 0])
        else if (kind !== 'a generator') expect(submitted).toBe(total)
      })
    }
  }

  test('lose none with a real server that resets, fails and dawdles', async () => {
    const random = randomFrom(7)
    const server = await startServer((request, response) => {
      const mood = random()
      if (mood < 0.02) return void request.socket.destroy()
      response.statusCode = mood < 0.1 ? 503 : 200
      const answer = (): void => void response.end('{"ok":true}')
      if (mood < 0.3) setTimeout(answer, mood * 10)
      else answer()
    })
    cleanups.push(() => server.close())
    const pool = Pool.fromUrls(
      Array.from({ length: total }, (_, index) => `${server.url}/${index}`),
      { raiseForStatus: true },
      { numProcesses: 16 },
    )
    let done = 0
    const seen = new Set<Job>()
    const take = async (results: AsyncIterable<{ requestKwargs: Job }>): Promise<void> => {
      for await (const result of results) {
        seen.add(result.requestKwargs)
        if (result instanceof Response) expect(result.json()).toEqual({ ok: true })
        if (++done === 6_000) pool.cancel()
      }
    }
    await Promise.all([take(pool.responses()), take(pool.exceptions()), pool.joinAll()])
    const { submitted, responses, exceptions, cancelled } = pool.stats()
    expect(submitted).toBe(total)
    expect(responses + exceptions + cancelled).toBe(total)
    expect(seen.size).toBe(responses + exceptions)
    expect(exceptions).toBeGreaterThan(0)
    expect(cancelled).toBeGreaterThan(3_000)
    await until(() => server.openSockets.size === 0)
  })
})
