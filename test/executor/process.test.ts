import { describe, expect, test } from 'vitest'
import { runSource } from '../helpers/run-source.ts'

/** What a program prints that says how long it ran, and what it noted. It is killed after a minute. */
async function run(code: string): Promise<{ seconds: number; notes: unknown[] }> {
  const {
    stdout,
    stderr,
    code: exitCode,
  } = await runSource(`
    import { InProcessExecutor } from './src/executor/in-process-executor.ts'
    const notes: unknown[] = []
    process.on('exit', () => console.log(JSON.stringify({ seconds: performance.now() / 1_000, notes })))
    ${code}
  `)
  expect([stderr, exitCode]).toEqual(['', 0])
  return JSON.parse(stdout) as { seconds: number; notes: unknown[] }
}

describe('A process with an InProcessExecutor', () => {
  test('ends by itself when the executor is idle, whether it was used or not, and never shut down', async () => {
    const { seconds } = await run(`
      new InProcessExecutor()
      new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000 } })
      const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000, perGroup: true } })
      await executor.submit(() => 1, { group: 'a' }).result()
      const another = new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000 } })
      await another.submit(() => 1).result()
    `)
    expect(seconds).toBeLessThan(20)
  })

  test.each([
    ['without groups', 'false', '{}'],
    ['for each group', 'true', "{ group: 'a' }"],
    ['for each group, without one', 'true', '{}'],
  ])('ends when what waited for the rate limit is cancelled: %s', async (_name, perGroup, options) => {
    const { seconds, notes } = await run(`
      const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 60_000, perGroup: ${perGroup} } })
      const futures = [1, 2, 3].map((n) => executor.submit(() => n, ${options}))
      await futures[0].result()
      await new Promise((resolve) => setTimeout(resolve, 20))
      futures[1].cancel()
      futures[2].cancel()
      notes.push(executor.stats())
    `)
    expect(notes).toEqual([{ pending: 0, running: 0, fulfilled: 1, rejected: 0, cancelled: 2 }])
    expect(seconds).toBeLessThan(20)
  })

  test('stays while something waits for the rate limit', async () => {
    const { notes } = await run(`
      for (const perGroup of [false, true]) {
        const executor = new InProcessExecutor({ rateLimit: { limit: 1, interval: 300, perGroup } })
        for (const n of [1, 2]) executor.submit(() => notes.push(n))
      }
    `)
    expect(notes.toSorted()).toEqual([1, 1, 2, 2])
  })

  test('says nothing of failures and cancellations that nobody asked for', async () => {
    const { notes } = await run(`
      process.on('unhandledRejection', (error) => notes.push(String(error)))
      process.on('uncaughtException', (error) => notes.push(String(error)))
      process.on('warning', (warning) => notes.push(String(warning)))
      const executor = new InProcessExecutor({ maxWorkers: 2, rateLimit: { limit: 1_000, interval: 10 } })
      const abort = new AbortController()
      for (let n = 0; n < 100; n++) {
        executor.submit(() => { throw new Error('thrown') })
        executor.submit(async () => { throw new Error('rejected') })
        executor.submit(() => {}, { signal: abort.signal }).cancel('early')
        executor.submit(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))), { signal: abort.signal })
      }
      setTimeout(() => abort.abort(new Error('stop')), 20)
      await executor.onIdle()
      notes.push(executor.stats())
    `)
    expect(notes).toEqual([{ pending: 0, running: 0, fulfilled: 0, rejected: 200, cancelled: 200 }])
  })
})
