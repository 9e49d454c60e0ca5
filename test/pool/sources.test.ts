import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { ExecutorClosedError } from '../../src/index.ts'
import { Pool, ThreadException, type Job } from '../../src/pool/index.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { answering, collect, collectBoth, isBalanced, jobs } from './collect.ts'

const session = (): ReturnType<typeof answering> => answering()

/** An async iterable that hands out what it is given, and notes what it is asked. */
class Feed implements AsyncIterableIterator<Job> {
  asked = 0
  returned = 0
  readonly #answers: Promise<IteratorResult<Job>>[] = []
  constructor(...answers: Promise<IteratorResult<Job>>[]) {
    this.#answers = answers
  }
  next(): Promise<IteratorResult<Job>> {
    return this.#answers[this.asked++] ?? Promise.resolve({ done: true, value: undefined })
  }
  return(): Promise<IteratorResult<Job>> {
    this.returned++
    return new Promise(() => {})
  }
  [Symbol.asyncIterator](): this {
    return this
  }
}

describe('a jobQueue', () => {
  test('may be any iterable or async iterable', async () => {
    const list = jobs(4)
    const inputs: (Iterable<Job> | AsyncIterable<Job>)[] = [
      list,
      new Set(list),
      list.values(),
      (function* () {
        yield* list
      })(),
      (async function* () {
        for (const job of list) {
          await turn()
          yield job
        }
      })(),
      Readable.from(list) as AsyncIterable<Job>,
    ]
    for (const jobQueue of inputs) {
      const pool = new Pool({ jobQueue, numProcesses: 2, session })
      const responses = await collect(pool.responses())
      expect(responses.map(({ requestKwargs }) => list.indexOf(requestKwargs as never)).sort()).toEqual([0, 1, 2, 3])
      expect(pool.stats()).toEqual({ submitted: 4, responses: 4, exceptions: 0, cancelled: 0 })
    }
  })

  test('that is a list is copied and counted at the call', async () => {
    const list = jobs(3)
    const pool = new Pool({ jobQueue: list, numProcesses: 1, session })
    list.length = 0
    expect(pool.stats().submitted).toBe(3)
    expect(await collect(pool.responses())).toHaveLength(3)
  })

  test('that is no list is asked for a job when a worker is free', async () => {
    let made = 0
    function* endless(): Generator<Job> {
      for (;;) yield { url: String(made++) }
    }
    const inner = new GatedSession()
    const pool = new Pool({ jobQueue: endless(), numProcesses: 3, session: () => inner })
    await until(() => inner.requests.length === 3)
    await turn()
    expect(made).toBe(3)
    inner.answer(0)
    await until(() => inner.requests.length === 4)
    await turn()
    expect(made).toBe(4)
    await pool[Symbol.asyncDispose]()
    expect(pool.stats()).toEqual({ submitted: 4, responses: 1, exceptions: 0, cancelled: 3 })
  })

  test('is never asked twice at once, however many workers wait', async () => {
    const answers = [gate<IteratorResult<Job>>(), gate<IteratorResult<Job>>()]
    const feed = new Feed(...answers.map(({ promise }) => promise))
    const pool = new Pool({ jobQueue: feed, numProcesses: 3, session })
    const responses = pool.responses()
    await turn()
    expect(feed.asked).toBe(1)
    pool.put({ url: 'put' })
    expect((await responses.next()).value?.url).toBe('put')
    expect(feed.asked).toBe(1)
    answers[0]!.open({ done: false, value: { url: 'a' } })
    expect((await responses.next()).value?.url).toBe('a')
    expect(feed.asked).toBe(2)
    answers[1]!.open({ done: true, value: undefined })
    expect((await responses.next()).done).toBe(true)
  })

  test('that throws fails the pool, when the jobs before it are done', async () => {
    for (const error of [new Error('source'), undefined]) {
      const inner = new GatedSession()
      const pool = new Pool({
        jobQueue: (function* (): Generator<Job> {
          yield { url: 'a' }
          yield { url: 'b' }
          throw error
        })(),
        numProcesses: 3,
        session: () => inner,
      })
      const responses = pool.responses()
      await until(() => inner.requests.length === 2)
      await turn()
      inner.answer(1)
      expect((await responses.next()).value?.response).toBe('b')
      inner.answer(0)
      expect((await responses.next()).value?.response).toBe('a')
      const outcomes = await Promise.allSettled([responses.next(), pool.exceptions().next(), pool.joinAll()])
      expect(outcomes).toEqual(outcomes.map(() => ({ status: 'rejected', reason: error })))
      expect(await responses.next()).toEqual({ done: true, value: undefined })
      expect(isBalanced(pool)).toBe(true)
      expect(() => pool.put({ url: 'c' })).toThrow(ExecutorClosedError)
    }
  })

  test('that gives what is no job, fails the pool likewise, and is told so', async () => {
    let isEnded = false
    function* bad(): Generator<Job> {
      try {
        yield { url: 'a' }
        yield 'b' as unknown as Job
      } finally {
        isEnded = true
      }
    }
    const pool = new Pool({ jobQueue: bad(), numProcesses: 1, session })
    await expect(pool.joinAll()).rejects.toThrow(/element 1 .*`'b'` \(string\)/)
    expect(isEnded).toBe(true)
    expect(pool.getResponse()?.url).toBe('a')
    await expect(collect(pool.responses())).rejects.toThrow(TypeError)
  })

  test('that breaks the iterator protocol fails the pool', async () => {
    for (const next of [() => undefined, () => Promise.resolve(5), 'no function']) {
      const jobQueue = { [Symbol.iterator]: () => ({ next }) } as unknown as Iterable<Job>
      const pool = new Pool({ jobQueue, numProcesses: 2, session })
      await expect(pool.joinAll()).rejects.toThrow(TypeError)
    }
  })

  test('that hangs does not keep cancel() and dispose from ending the pool; what comes later is no job', async () => {
    const late = gate<IteratorResult<Job>>()
    const feed = new Feed(late.promise)
    const pool = new Pool({ jobQueue: feed, numProcesses: 2, session })
    const next = pool.responses().next()
    await turn()
    pool.cancel()
    expect((await next).done).toBe(true)
    await pool[Symbol.asyncDispose]()
    expect(feed.returned).toBe(1)
    late.open({ done: false, value: { url: 'late' } })
    await turn()
    expect(pool.stats()).toEqual({ submitted: 0, responses: 0, exceptions: 0, cancelled: 0 })
  })

  test('may put jobs and cancel the pool while it is asked', async () => {
    function* meddling(): Generator<Job> {
      pool.put({ url: 'put' })
      yield { url: 'a' }
      pool.cancel()
      yield { url: 'b' }
    }
    const pool = new Pool({ jobQueue: meddling(), numProcesses: 3, session })
    await collect(pool.responses())
    await pool.joinAll()
    expect(pool.stats().submitted).toBe(2)
    expect(isBalanced(pool)).toBe(true)
  })

  test('of nonsense is a TypeError at the call, that names the index', () => {
    for (const bad of [null, 5, {}, 'http://x', () => []]) {
      expect(() => new Pool({ jobQueue: bad as never })).toThrow(/iterable/)
    }
    for (const bad of [null, undefined, 'http://x', new URL('http://x'), 5, [], new Map()]) {
      expect(() => new Pool({ jobQueue: [{ url: 'a' }, bad as never] })).toThrow(/element 1 of the jobs/)
    }
    const { length } = [0, 1]
    expect(() => new Pool({ jobQueue: Array<Job>(length) })).toThrow(/element 0/)
  })
})

describe('maxBuffered', () => {
  const failing = (): ReturnType<typeof answering> =>
    answering((url) => {
      if (/[13579]$/.test(url)) throw new Error(url)
      return { url }
    })

  test('bounds what is under way and not taken, of both kinds together', async () => {
    let made = 0
    function* endless(): Generator<Job> {
      for (;;) yield { url: `http://x/${made++}` }
    }
    const pool = new Pool({ jobQueue: endless(), numProcesses: 3, maxBuffered: 4, session: failing })
    await until(() => made === 4)
    await turn()
    await turn()
    expect(made).toBe(4)
    expect(pool.getException()?.message).toBe('http://x/1')
    await until(() => made === 5)
    await pool.responses().next()
    await until(() => made === 6)
    await turn()
    await turn()
    expect(made).toBe(6)
    await pool[Symbol.asyncDispose]()
    expect(isBalanced(pool)).toBe(true)
  })

  test('loses nothing when both are read at the same time', async () => {
    for (const maxBuffered of [1, 2, 7]) {
      const pool = new Pool({ jobQueue: jobs(100), numProcesses: 4, maxBuffered, session: failing })
      const { responses, exceptions } = await collectBoth(pool.responses(), pool.exceptions())
      expect([responses.length, exceptions.length]).toEqual([50, 50])
    }
  })

  test('by default bounds nothing: jobs are done whether or not anybody reads', async () => {
    const pool = new Pool({ jobQueue: jobs(1_000).values(), numProcesses: 4, session: failing })
    await pool.joinAll()
    expect(pool.stats()).toEqual({ submitted: 1_000, responses: 500, exceptions: 500, cancelled: 0 })
  })
})

describe('Pool.fromUrls()', () => {
  test('makes a job of each URL of a list, a generator or a stream of lines', async () => {
    const urls = ['http://x/a', new URL('http://x/b')]
    for (const input of [urls, new Set(urls), urls.values(), Readable.from(urls)]) {
      const pool = Pool.fromUrls(input as typeof urls, undefined, { session, numProcesses: 1 })
      expect((await collect(pool.responses())).map(({ requestKwargs }) => requestKwargs.url)).toEqual(urls)
    }
  })

  test('takes the URL from the list, the rest from requestKwargs, a copy for each job', async () => {
    const context = { mine: true }
    const requestKwargs = { method: 'POST', url: 'http://wrong', headers: { a: '1' }, params: [['q', '1']], context }
    const inner = new GatedSession()
    const pool = Pool.fromUrls(['http://x/a', 'http://x/b'], requestKwargs as never, {
      session: () => inner,
      numProcesses: 2,
    })
    requestKwargs.headers.a = 'changed'
    await until(() => inner.requests.length === 2)
    inner.answerAll()
    const [one, other] = (await collect(pool.responses())).map((response) => response.requestKwargs)
    expect(one).toEqual({ method: 'POST', url: 'http://x/a', headers: { a: '1' }, params: [['q', '1']], context })
    expect(other).toEqual({ ...one, url: 'http://x/b' })
    expect(one!.headers).not.toBe(other!.headers)
    expect(one!.params).not.toBe(other!.params)
    expect(one!.context).toBe(context)
    expect(inner.requests.map(({ method }) => method)).toEqual(['POST', 'POST'])
  })

  test('of nonsense is a TypeError at the call; from a generator it fails the pool', async () => {
    for (const bad of [undefined, null, 5, {}, 'http://x']) {
      expect(() => Pool.fromUrls(bad as never)).toThrow(/iterable of URLs/)
    }
    expect(() => Pool.fromUrls(['http://x', 5] as never)).toThrow(/element 1 of the URLs.*`5` \(number\)/)
    const pool = Pool.fromUrls(['http://x', null].values() as never, {}, { session })
    await expect(pool.joinAll()).rejects.toThrow(/element 1 of the URLs/)
    expect(pool.stats()).toEqual({ submitted: 1, responses: 1, exceptions: 0, cancelled: 0 })
  })

  test('of no URLs ends at once', async () => {
    expect(await collect(Pool.fromUrls([], {}, { session }).responses())).toEqual([])
  })
})

describe('Pool.fromExceptions()', () => {
  const failing = (): ReturnType<typeof answering> => answering((url) => Promise.reject(new Error(url)))

  test('tries the very same jobs again, and goes on counting', async () => {
    const list = jobs(3)
    let pool = new Pool({ jobQueue: list, numProcesses: 2, session: failing })
    for (const expected of [1, 2, 3, 4]) {
      await pool.joinAll()
      const exceptions = await collect(pool.exceptions())
      expect(exceptions.map(({ attempts }) => attempts)).toEqual([expected, expected, expected])
      expect(new Set(exceptions.map(({ requestKwargs }) => requestKwargs))).toEqual(new Set(list))
      pool = Pool.fromExceptions(exceptions, { session: failing })
    }
  })

  test('takes iterables, another pool’s stream, and responses', async () => {
    const first = new Pool({ jobQueue: jobs(6), session: failing })
    const second = Pool.fromExceptions(first.exceptions(), { session })
    const responses = await collect(second.responses())
    expect(responses.map(({ attempts }) => attempts)).toEqual(Array(6).fill(2))
    const third = Pool.fromExceptions(responses.values(), { session })
    expect((await collect(third.responses())).map(({ attempts }) => attempts)).toEqual(Array(6).fill(3))
  })

  test('an exception can be put into its own pool again', async () => {
    let failures = 2
    const flaky = answering((url) => (failures-- > 0 ? Promise.reject(new Error(url)) : { url }))
    const pool = new Pool({ jobQueue: jobs(1), numProcesses: 1, session: () => flaky })
    for await (const exception of pool.exceptions()) pool.put(exception)
    expect(pool.getResponse()).toMatchObject({ url: 'http://x/0', attempts: 3 })
  })

  test('of nonsense is a TypeError at the call', () => {
    for (const bad of [undefined, null, 5, {}]) expect(() => Pool.fromExceptions(bad as never)).toThrow(/iterable/)
    const mixed = [new ThreadException({ url: 'a' }, new Error()), new Error('no job')]
    expect(() => Pool.fromExceptions(mixed as never)).toThrow(/element 1/)
  })
})
