import { describe, expect, test } from 'vitest'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import type { SubmitOptions } from '../../src/executor/executor.ts'
import type { Future } from '../../src/future/future.ts'
import { runSource } from '../helpers/run-source.ts'
import { turn } from '../helpers/gate.ts'

const task = (): void => {}

function paused(): InProcessExecutor {
  const executor = new InProcessExecutor({ maxWorkers: 8 })
  executor.pause()
  return executor
}

/**
 * Runs it for 10 000 and for 100 000. A quadratic step takes several seconds for the latter, and 100 times as long; the rest
 * takes less than a second, or about 13 times as long (n log n). Of this process: what else the machine does has no part in it.
 */
async function expectNotQuadratic(run: (count: number) => Promise<void>): Promise<void> {
  const time = async (count: number): Promise<number> => {
    const before = process.cpuUsage()
    await run(count)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
  const small = await time(10_000)
  const large = await time(100_000)
  if (large > 1_000) expect(large / small).toBeLessThan(50)
}

const shuffled = (count: number): number[] => Array.from({ length: count }, (_, index) => (index * 7_919) % count)

describe('InProcessExecutor with 100 000 tasks', () => {
  test('takes time in proportion to run them', async () => {
    await expectNotQuadratic(async (count) => {
      const executor = new InProcessExecutor({ maxWorkers: 8 })
      for (let index = 0; index < count; index++) executor.submit(task)
      await executor.onIdle()
      expect(executor.stats().fulfilled).toBe(count)
    })
  })

  test('takes n log n for as many priorities, and keeps their order', async () => {
    await expectNotQuadratic(async (count) => {
      const executor = paused()
      const ran: number[] = []
      for (const priority of shuffled(count)) executor.submit(() => ran.push(priority), { priority })
      executor.resume()
      await executor.onIdle()
      expect(ran.length).toBe(count)
      expect(ran.every((priority, index) => priority === count - 1 - index)).toBe(true)
    })
  })

  test.each<[string, (index: number) => SubmitOptions<void>]>([
    ['as many groups', (index) => ({ group: `group ${index}`, maxPerGroup: 1 })],
    ['one group', () => ({ group: 'one', maxPerGroup: 2 })],
    ['one signal', () => ({ signal: sharedSignal })],
  ])('takes time in proportion with %s', async (_name, options) => {
    await expectNotQuadratic(async (count) => {
      const executor = paused()
      for (let index = 0; index < count; index++) executor.submit(task, options(index))
      executor.resume()
      await executor.onIdle()
    })
  })

  test.each<[string, (futures: Future<void>[]) => Future<void>[]]>([
    ['from the front', (futures) => futures],
    ['from the back', (futures) => futures.toReversed()],
    ['from anywhere', (futures) => shuffled(futures.length).map((index) => futures[index]!)],
  ])('cancels each in constant time, %s', async (_name, order) => {
    for (const options of [{}, { group: 'a' }]) {
      await expectNotQuadratic(async (count) => {
        const executor = paused()
        const futures = Array.from({ length: count }, () => executor.submit(task, options))
        for (const future of order(futures)) future.cancel()
        expect(executor.stats()).toMatchObject({ pending: 0, cancelled: count })
      })
    }
  })

  test('aborts them all through one signal', async () => {
    await expectNotQuadratic(async (count) => {
      const executor = paused()
      const abort = new AbortController()
      for (let index = 0; index < count; index++) executor.submit(task, abort)
      abort.abort()
      expect(executor.stats().cancelled).toBe(count)
    })
  })

  test('shuts down at once', async () => {
    await expectNotQuadratic(async (count) => {
      const executor = paused()
      for (let index = 0; index < count; index++)
        executor.submit(task, { priority: index % 100, group: `${index % 10}` })
      await executor.shutdown({ cancelPending: true })
      expect(executor.stats().cancelled).toBe(count)
    })
  })

  test('keeps nothing of those that were cancelled, or have run', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    executor.pause()
    const references: WeakRef<object>[] = []
    const futures = Array.from({ length: 1_000 }, (_, index) => {
      const payload = { body: new Uint8Array(1_000) }
      references.push(new WeakRef(payload))
      return executor.submit(() => payload.body.length, index % 2 === 0 ? {} : { group: 'a', priority: index % 7 })
    })
    for (const future of futures.slice(0, 500)) future.cancel()
    await expectCollected(references.slice(0, 500))
    expect(references.slice(500).every((each) => each.deref() !== undefined)).toBe(true)
    executor.resume()
    await executor.onIdle()
    await expectCollected(references)
    expect(futures.length + executor.stats().fulfilled).toBe(1_500)
  })

  test('takes at most 300 bytes for each, future included', async () => {
    // In a process of its own: its heap holds nothing else.
    const { stdout } = await runSource(
      `
      import { InProcessExecutor } from './src/executor/in-process-executor.ts'
      const task = () => {}
      const executor = new InProcessExecutor({ maxWorkers: 8 })
      executor.pause()
      const submit = (count) => Array.from({ length: count }, () => executor.submit(task))
      let futures = submit(1_000)
      const used = () => (gc(), gc(), process.memoryUsage().heapUsed)
      const before = used()
      futures = futures.concat(submit(100_000))
      const queued = used()
      for (const future of futures) future.cancel()
      futures = []
      await new Promise((resolve) => setImmediate(resolve))
      console.log(JSON.stringify([(queued - before) / 100_000, (used() - before) / 100_000]))
      `,
      '--expose-gc',
    )
    const [queued, left] = JSON.parse(stdout) as [number, number]
    expect(queued).toBeLessThan(300)
    expect(left).toBeLessThan(10)
    console.log(`${queued.toFixed(0)} bytes per queued task, ${left.toFixed(1)} after it was cancelled`)
  })
})

const sharedSignal = new AbortController().signal

async function expectCollected(references: WeakRef<object>[]): Promise<void> {
  for (let attempt = 0; attempt < 20 && references.some((each) => each.deref() !== undefined); attempt++) {
    await turn()
    ;(globalThis as { gc?: () => void }).gc?.()
  }
  expect(references.filter((each) => each.deref() !== undefined)).toHaveLength(0)
}
