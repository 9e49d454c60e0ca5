/** Job sources whose own code works on the pool while they are asked: never asked twice at once, told in the end, and nothing is lost. */
import { describe, expect, test } from 'vitest'
import { Pool, type Job } from '../../src/pool/index.ts'
import { turn, until } from '../helpers/gate.ts'
import { at, InputLog, inputKinds, type Meddling } from '../helpers/inputs.ts'
import { answering, collect, collectBoth, isBalanced } from './collect.ts'

const count = 24
const session = (): ReturnType<typeof answering> =>
  answering(async (url) => {
    await turn()
    return { url }
  })
const jobOf = (index: number): Job => ({ url: `http://x/${index}` })

describe.each(Object.keys(inputKinds))('%s', (kind) => {
  const make = inputKinds[kind]!

  test.each([1, 4])('that puts jobs and settles others loses none (%i workers)', async (numProcesses) => {
    const log = new InputLog()
    const controllers = Array.from({ length: count }, () => new AbortController())
    const meddle: Meddling = (index) => {
      pool.put({ url: `http://x/put/${index}` })
      for (const controller of controllers.slice(0, index)) controller.abort()
    }
    const element = (index: number): Job => ({ ...jobOf(index), signal: controllers[index]!.signal })
    const pool = new Pool({ jobQueue: make(log, count, element, meddle), numProcesses, session })
    const { responses, exceptions } = await collectBoth(pool.responses(), pool.exceptions())
    await pool.joinAll()
    expect(log).toMatchObject({ violations: [], read: count, returned: 0 })
    expect(responses.length + exceptions.length).toBe(2 * count)
    expect(pool.stats()).toMatchObject({ submitted: 2 * count, cancelled: 0 })
  })

  test('that closes the pool is read to its end', async () => {
    const log = new InputLog()
    const meddle: Meddling = () => pool.close()
    const jobQueue = make(log, count, jobOf, meddle)
    const pool = new Pool({ jobQueue, numProcesses: 2, session })
    expect(await collect(pool.responses())).toHaveLength(count)
    expect(log).toMatchObject({ violations: [], returned: 0 })
  })

  const endings: Record<string, (pool: Pool<ReturnType<typeof session>>) => unknown> = {
    'cancels the pool': (pool) => pool.cancel('enough'),
    'disposes of the pool': (pool) => pool[Symbol.dispose](),
    'disposes of the pool asynchronously': (pool) => pool[Symbol.asyncDispose](),
  }
  test.each(Object.keys(endings))('that %s is told when its next() is back', async (ending) => {
    for (const source of ['jobs', 'URLs']) {
      const log = new InputLog()
      const meddle: Meddling = at(3, () => endings[ending]!(pool))
      const options = { numProcesses: 2, session }
      const pool =
        source === 'jobs'
          ? new Pool({ ...options, jobQueue: make(log, count, jobOf, meddle) })
          : Pool.fromUrls(
              make(log, count, (index) => `http://x/${index}`, meddle),
              {},
              options,
            )
      await collect(pool.responses())
      await pool.joinAll()
      await until(() => log.returned > 0)
      expect(log).toMatchObject({ violations: [], returned: 1, read: 4 })
      expect(pool.stats().submitted).toBe(3)
      expect(isBalanced(pool)).toBe(true)
    }
  })

  test('of exceptions that cancels the pool which tries them again is told likewise', async () => {
    const log = new InputLog()
    const attempted = (index: number) => ({ requestKwargs: jobOf(index), attempts: 1 })
    const meddle: Meddling = at(3, () => pool.cancel())
    const pool = Pool.fromExceptions(make(log, count, attempted, meddle), { numProcesses: 2, session })
    await collect(pool.responses())
    await until(() => log.returned > 0)
    expect(log).toMatchObject({ violations: [], returned: 1, read: 4 })
  })
})

test('A job source that fails by itself is not told, one that gives what is no job is', async () => {
  const failing = () => {
    throw new Error('input')
  }
  for (const [next, returns] of [
    [failing, 0],
    [() => ({ done: false, value: 'no job' }), 1],
  ] as const) {
    let returned = 0
    const leave = () => {
      returned++
      return { done: true, value: undefined }
    }
    const pool = new Pool({ jobQueue: { [Symbol.iterator]: () => ({ next, return: leave }) } as never, session })
    await expect(pool.joinAll()).rejects.toThrow(Error)
    expect(returned).toBe(returns)
  }
})
