import { describe, expect, test } from 'vitest'
import { map, type Job } from '../../src/pool/index.ts'
import { until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'
import { answering, collect, collectBoth, jobs } from './collect.ts'

const session = (): ReturnType<typeof answering> =>
  answering((url) => {
    if (/[13579]$/.test(url)) throw new Error(url)
    return { url }
  })

describe('map()', () => {
  test('gives responses and exceptions of a list or a generator', async () => {
    for (const requests of [jobs(10), jobs(10).values()]) {
      const [responses, exceptions] = map(requests, { numProcesses: 3, session })
      expect((await collect(exceptions)).map(({ message }) => message).sort()).toEqual(
        [1, 3, 5, 7, 9].map((n) => `http://x/${n}`),
      )
      expect(await collect(responses)).toHaveLength(5)
    }
  })

  test('returns at once, reads generators lazily, and passes its options on', async () => {
    const inner = new GatedSession()
    let made = 0
    let key = ''
    function* endless(): Generator<Job> {
      for (;;) yield { url: String(made++) }
    }
    const [responses, exceptions] = map(endless(), {
      numProcesses: 2,
      session: () => inner,
      initializer: (_, given: string) => void (key = given),
      initargs: ['key'],
    })
    expect(made).toBe(0)
    await until(() => inner.requests.length === 2)
    expect([made, key]).toEqual([2, 'key'])
    await responses.return!()
    expect((await exceptions.next()).done).toBe(true)
  })

  test('leaving the responses cancels the rest and ends the generator; exceptions that are there can be read', async () => {
    let isEnded = false
    function* endless(): Generator<Job> {
      try {
        for (let index = 0; ; index++) yield { url: `http://x/${index}` }
      } finally {
        isEnded = true
      }
    }
    const [responses, exceptions] = map(endless(), { numProcesses: 4, session })
    const seen: unknown[] = []
    for await (const response of responses) if (seen.push(response) === 10) break
    expect(isEnded).toBe(true)
    expect((await collect(exceptions)).length).toBeGreaterThan(0)
    expect(await responses.next()).toEqual({ done: true, value: undefined })
  })

  test('leaving the exceptions does not', async () => {
    const [responses, exceptions] = map(jobs(100), { numProcesses: 4, session })
    for await (const exception of exceptions) if (exception.attempts === 1) break
    expect(await collect(responses)).toHaveLength(50)
  })

  test('with a failing initializer rejects both', async () => {
    const error = new Error('no')
    const streams = map(jobs(1), { session, initializer: () => Promise.reject(error) })
    for (const stream of streams) await expect(collect(stream as AsyncIterable<unknown>)).rejects.toBe(error)
  })

  test('takes async iterables too', async () => {
    async function* later(): AsyncGenerator<Job> {
      yield* jobs(4)
    }
    const { responses, exceptions } = await collectBoth(...map(later(), { session }))
    expect([responses.length, exceptions.length]).toEqual([2, 2])
  })

  test('of an empty list, of no iterable, of a list with what is no job is a TypeError at the call', () => {
    for (const bad of [[], undefined, null, 5, {}, 'http://x']) expect(() => map(bad as never)).toThrow(TypeError)
    expect(() => map([{ url: 'a' }, 'b'] as never)).toThrow(/element 1 of the jobs/)
    expect(() => map(jobs(1), { numProcesses: 0 })).toThrow(RangeError)
  })

  test('of a generator that is empty, or gives what is no job, says so when it is read', async () => {
    expect(await collectBoth(...map([].values(), { session }))).toEqual({ responses: [], exceptions: [] })
    const [responses, exceptions] = map(['x'].values() as never, { session })
    await expect(responses.next()).rejects.toThrow(/element 0/)
    await expect(exceptions.next()).rejects.toThrow(/element 0/)
  })
})
