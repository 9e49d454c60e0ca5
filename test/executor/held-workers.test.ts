/** Tasks that hold all workers while one of them waits for what is queued behind them: told once, and nothing else is. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { asCompleted } from '../../src/future/as-completed.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { wait } from '../../src/future/combine.ts'
import { InProcessExecutor, type InProcessExecutorOptions } from '../../src/executor/in-process-executor.ts'
import { taskReference } from '../../src/task-reference.ts'
import { gate, turn } from '../helpers/gate.ts'
import { collectWarnings } from '../helpers/warnings.ts'

const warnings = collectWarnings('UNDICI_FUTURES_HELD_WORKERS')
const cleanups: (() => unknown)[] = []
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(async () => {
  vi.useRealTimers()
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function open(options: InProcessExecutorOptions): InProcessExecutor {
  const executor = new InProcessExecutor(options)
  cleanups.push(() => executor.shutdown({ cancelPending: true, cancelRunning: true, wait: false }))
  return executor
}

/** So many milliseconds pass, and what is to happen meanwhile does. */
async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed <= milliseconds; passed += 50) {
    for (let turns = 0; turns < 3; turns++) await turn()
    vi.advanceTimersByTime(50)
  }
  await turn()
}

const waits: Record<string, (future: Future<unknown>) => Promise<unknown>> = {
  'result()': (future) => future.result(),
  'exception()': (future) => future.exception(),
  'result() with a timeout': (future) => future.result({ timeout: 60_000 }).catch(() => {}),
  'wait()': (future) => wait([future]),
  'Future.all()': (future) => Future.all([future]),
  'Future.any()': (future) => Future.any([future]),
  'asCompleted()': (future) => asCompleted([future]).next(),
  'asCompleted() of an async input': (future) => {
    async function* input(): AsyncGenerator<Future<unknown>> {
      yield future
    }
    return asCompleted(input()).next()
  },
}

describe('All workers held by tasks, of which one waits for what is queued,', () => {
  test('are told of once for each executor, after a second, with the limit and the way out', async () => {
    const executors = [open({ maxWorkers: 2 }), open({ maxWorkers: 3 })]
    for (const executor of executors) {
      for (let count = 0; count < 4; count++) {
        executor.submit(async () => {
          await turn()
          return executor.submit(() => 1).result()
        })
      }
    }
    await pass(900)
    expect(warnings).toEqual([])
    await pass(10_000)
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toMatch(/^All workers \(`maxWorkers`: 2\) have been held .*`context\.session`/)
    expect(warnings[1]).toContain('(`maxWorkers`: 3)')
    expect(executors[0]!.stats()).toMatchObject({ running: 2, pending: 4 })
  })

  test.each(Object.keys(waits))('are told of where it waits by %s', async (kind) => {
    const executor = open({ maxWorkers: 1 })
    executor.submit(() => waits[kind]!(executor.submit(() => 1)))
    await pass(2000)
    expect(warnings).toHaveLength(1)
  })

  test('are told of where the others wait for the same promise, or for anything else', async () => {
    const executor = open({ maxWorkers: 3 })
    let token: Promise<unknown> | undefined
    executor.submit(() => new Promise(() => {}))
    for (let count = 0; count < 4; count++) executor.submit(() => (token ??= executor.submit(() => 'token').result()))
    await pass(2000)
    expect(warnings).toHaveLength(1)
  })

  test('are told of where a task is a reference', async () => {
    const executor = open({ maxWorkers: 1 })
    Object.assign(globalThis, { askMore: () => executor.submit(() => 1).result() })
    cleanups.push(() => Reflect.deleteProperty(globalThis, 'askMore'))
    const module = 'data:text/javascript,export const ask = () => globalThis.askMore()'
    executor.submit(taskReference(module, 'ask'))
    await vi.waitUntil(() => executor.stats().pending === 1, { interval: 1 }).catch(() => {})
    await pass(2000)
    expect(warnings).toHaveLength(1)
  })

  test('are told of though the futures of those that hold them are cancelled', async () => {
    const executor = open({ maxWorkers: 2 })
    const outer = [1, 2].map(() => executor.submit(() => executor.submit(() => 1).result()))
    await turn()
    for (const each of outer) each.cancel()
    await pass(2000)
    expect(warnings).toHaveLength(1)
    expect(executor.stats()).toMatchObject({ running: 0, pending: 2 })
  })

  test('are told of where executors wait for each other', async () => {
    const [here, there] = [open({ maxWorkers: 1 }), open({ maxWorkers: 1 })]
    here.submit(() => there.submit(() => here.submit(() => 1).result()).result())
    await pass(2000)
    expect(warnings).toHaveLength(1)
  })

  test('are not told of again, when they have gone on and wait once more', async () => {
    const executor = open({ maxWorkers: 1 })
    for (const expected of [1, 1]) {
      const controller = new AbortController()
      const { signal } = controller
      const task = executor.submit(() => executor.submit(() => 1).result({ signal }))
      await pass(3000)
      expect(warnings).toHaveLength(expected)
      controller.abort('enough')
      expect(await task.exception()).toBe('enough')
    }
  })

  test('are told of where it was submitted by somebody else, and where it is the next attempt of work', async () => {
    const executor = open({ maxWorkers: 1 })
    const [begun, controller] = [gate(), new FutureController<number>()]
    controller.start()
    executor.submit(async () => {
      const waiting = controller.future.result()
      begun.open()
      return waiting
    })
    await begun.promise
    await turn()
    executor.submit(() => 1, { controller })
    await pass(2000)
    expect(warnings).toHaveLength(1)
  })

  test('are told of where a group is at its limit', async () => {
    const executor = open({ maxWorkers: 8 })
    const options = { group: 'a', maxPerGroup: 2 }
    executor.submit(() => new Promise(() => {}))
    for (let count = 0; count < 2; count++) {
      executor.submit(() => executor.submit(() => 1, options).result(), options)
    }
    await pass(2000)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^All workers of a group \(`maxPerGroup`, .*`maxWorkers`: 2\)/)
  })

  test('are told of beside a rate limit, and after a pause', async () => {
    const executor = open({ maxWorkers: 2, rateLimit: { limit: 2, interval: 10_000 } })
    for (let count = 0; count < 2; count++) executor.submit(() => executor.submit(() => 1).result())
    await turn()
    executor.pause()
    await pass(3000)
    expect(warnings).toEqual([])
    executor.resume()
    await pass(2000)
    expect(warnings).toHaveLength(1)
  })
})

describe('Nobody is warned of', () => {
  afterEach(() => expect(warnings).toEqual([]))

  test('long tasks that submit what they don’t wait for, whoever else does', async () => {
    const executor = open({ maxWorkers: 2 })
    const end = gate()
    const nested: Future<unknown>[] = []
    const outer = [1, 2, 3].map(() =>
      executor.submit(async () => {
        const follow = executor.submit(() => turn())
        follow.addDoneCallback(() => {})
        nested.push(follow)
        await end.promise
      }),
    )
    await turn()
    const all = Promise.all([...outer, ...nested].map((future) => future.result()))
    const completed = asCompleted(nested).next()
    await pass(5000)
    end.open()
    await Promise.all([all, completed])
  })

  test('tasks that have given up waiting, and go on with something else', async () => {
    const executor = open({ maxWorkers: 1 })
    const end = gate()
    const controller = new AbortController()
    const task = executor.submit(async () => {
      const nested = executor.submit(() => 1)
      const { signal } = controller
      const waiting = [
        nested.result({ timeout: 100 }),
        nested.result({ signal }),
        wait([nested], { timeout: 100 }),
        Future.all([nested], { signal }),
        asCompleted([nested], { timeout: 100 }).next(),
      ]
      await Promise.allSettled(waiting)
      await end.promise
    })
    await turn()
    controller.abort()
    await pass(5000)
    end.open()
    await task.result()
  })

  test('scopes that are over, though what they waited for is not', async () => {
    const executor = open({ maxWorkers: 1 })
    const blocker = gate()
    const left: Promise<unknown>[] = []
    executor.submit(() => {
      left.push(executor.submit(() => 1).result())
    })
    await turn()
    executor.submit(() => blocker.promise, { priority: 1 })
    await pass(5000)
    blocker.open()
    await Promise.all(left)
  })

  test('busy workers: what holds them is new each half second', async () => {
    const executor = open({ maxWorkers: 2 })
    const ends: (() => void)[] = []
    const task = () => {
      const nested = executor.submit(() => 1, { priority: -1 }).result()
      nested.catch(() => {})
      return Promise.race([nested, new Promise<void>((resolve) => ends.push(resolve))])
    }
    const results = Array.from({ length: 20 }, () => executor.submit(task))
    for (let round = 0; round < 10; round++) {
      await pass(500)
      for (const end of ends.splice(0)) end()
    }
    await turn()
    expect(results.filter((future) => future.done())).toHaveLength(20)
  })

  test('workers that are free: what waits is bound by the rate, a pause, or nothing', async () => {
    const slow = open({ maxWorkers: 8, rateLimit: { limit: 1, interval: 60_000 } })
    const boundless = open({ maxWorkers: Infinity })
    const paused = open({ maxWorkers: 1 })
    for (const executor of [slow, boundless, paused]) {
      executor.submit(async () => {
        if (executor === paused) paused.pause()
        await executor.submit(() => new Promise(() => {})).result()
      })
    }
    await pass(5000)
    expect(paused.stats()).toMatchObject({ running: 1, pending: 1 })
  })

  test('groups that have room, or that strangers hold', async () => {
    const executor = open({ maxWorkers: 8, rateLimit: { limit: 4, interval: 60_000 } })
    const groupOf = (group: string) => ({ group, maxPerGroup: 2 })
    const ask = () => Promise.all([1, 2].map(() => executor.submit(() => 1, groupOf('a')).result()))
    executor.submit(ask, groupOf('a'))
    executor.submit(ask)
    for (let count = 0; count < 2; count++) executor.submit(() => new Promise(() => {}), groupOf('b'))
    await turn()
    executor.submit(() => 1, groupOf('b'))
    await pass(5000)
  })

  test('a group that others keep at its limit', async () => {
    const executor = open({ maxWorkers: 8 })
    const options = { group: 'a', maxPerGroup: 1 }
    const stranger = new FutureController<void>()
    executor.submit(() => new Promise(() => {}), options)
    executor.submit(() => executor.submit(() => stranger.future.result(), options).result())
    await pass(5000)
    stranger.resolve()
  })

  test('a loop that was blocked: nothing could go on meanwhile', async () => {
    vi.useRealTimers()
    const executor = open({ maxWorkers: 1 })
    const end = gate()
    const nested = executor.submit(async () => {
      const waiting = executor.submit(() => 'nested').result()
      await Promise.race([waiting, end.promise])
    })
    await turn()
    const until = performance.now() + 1500
    while (performance.now() < until);
    end.open()
    await nested.result()
    await sleep(300)
  })
})

test('A deadlock that is all there is keeps the process alive until it is told', async () => {
  const executor = open({ maxWorkers: 1 })
  const timer = vi.spyOn(globalThis, 'setTimeout')
  executor.submit(() => executor.submit(() => 1).result())
  await turn()
  const [handle] = timer.mock.results.map(({ value }) => value as NodeJS.Timeout)
  expect(handle?.hasRef()).toBe(true)
  executor.pause()
  await pass(500)
  const last = timer.mock.results.at(-1)?.value as NodeJS.Timeout
  expect(last.hasRef()).toBe(false)
  timer.mockRestore()
})
