/** Tasks and results that share a message: nobody may notice. */
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TaskNotCloneableError, WorkerCrashedError } from '../../../src/errors.ts'
import type { Future } from '../../../src/future/future.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'

closeExecutorsAfterEach()
afterEach(() => void vi.restoreAllMocks())

const task = <T>(name: string, ...args: unknown[]) => fixture<T>('together-tasks.mjs', name, ...args)
const results = <T>(futures: Future<T>[]): Promise<T[]> => Promise.all(futures.map((future) => future.result()))

/** How many messages of tasks cross from now on. */
function countMessages(): () => number {
  const post = vi.spyOn(Worker.prototype, 'postMessage')
  return () => post.mock.calls.filter(([message]) => (message as { kind?: string }).kind === 'tasks').length
}

describe('Tasks that are submitted at a time', () => {
  test('cross in one message if their arguments are plain', async () => {
    const executor = open({ threads: 1 })
    await executor.submit(task('add', 1, 2)).result()
    const count = countMessages()
    expect(await results([1, 2, 3, 4].map((number) => executor.submit(task<number>('add', number, 1))))).toEqual([
      2, 3, 4, 5,
    ])
    expect(count()).toBe(1)
  })

  test('get clones of their own of what they have in common', async () => {
    const executor = open({ threads: 1 })
    const common = { notes: [] as number[] }
    await executor.submit(task('note', common, 0)).result()
    const notes = [1, 2, 3].map((number) => executor.submit(task<number[]>('note', common, number)))
    expect(await results(notes)).toEqual([[1], [2], [3]])
    expect(common.notes).toEqual([])
  })

  test('start in their order, whatever their arguments are', async () => {
    const executor = open({ threads: 1, maxWorkers: 6 })
    await executor.submit(task('count', 0)).result()
    const args = [1, {}, 2, {}, {}, 3]
    const futures = args.map((arg, index) => executor.submit(task<number>('count', arg), { priority: -index }))
    expect(await results(futures)).toEqual([2, 3, 4, 5, 6, 7])
  })

  test('that can not cross fail alone', async () => {
    const executor = open({ threads: 1 })
    await executor.submit(task('add', 1, 2)).result()
    const args: unknown[] = [1, 1]
    const bad = executor.submit({ ...task('add'), args })
    const good = [2, 3].map((number) => executor.submit(task<number>('add', number, 1)))
    args[0] = Symbol('not now')
    expect(await bad.exception()).toBeInstanceOf(TaskNotCloneableError)
    expect(await results(good)).toEqual([3, 4])
  })

  test('are cancelled each by itself, before they cross too', async () => {
    const executor = open({ threads: 1 })
    await executor.submit(task('add', 1, 2)).result()
    const futures = [1, 2, 3].map((number) => executor.submit(task<number>('add', number, 1)))
    expect(futures[1]!.cancel()).toBe(true)
    expect(await results([futures[0]!, futures[2]!])).toEqual([2, 4])
    expect(executor.stats()).toMatchObject({ fulfilled: 3, cancelled: 1, running: 0 })
  })
})

describe('ResultSender of tasks that came together', () => {
  test("are cloned as they are when their task returns, and are nobody else's", async () => {
    const executor = open({ threads: 1 })
    await executor.submit(task('growList')).result()
    const lists = await results([1, 2, 3].map(() => executor.submit(task<number[]>('growList'))))
    expect(lists.map(({ length }) => length)).toEqual([2, 3, 4])
    expect(new Set(lists).size).toBe(3)
  })

  test('do not wait for a task that computes', async () => {
    const executor = open({ threads: 1 })
    const gate = new ThreadGate()
    await executor.submit(task('add', 1, 2)).result()
    const quick = executor.submit(task<number>('add', 1, 2))
    const long = executor.submit(fixture<number>('gate-tasks.mjs', 'block', gate.memory))
    expect(await quick.result()).toBe(3)
    gate.open()
    expect(await long.result()).toBeGreaterThan(0)
  })

  test('that were there before the thread ended count', async () => {
    const executor = open({ threads: 1 })
    for (const stays of [true, true]) await executor.submit(task('addOrExit', 1, stays)).result()
    const [before, exiting, after] = [true, false, true].map((stays) => executor.submit(task('addOrExit', 1, stays)))
    expect(await before!.result()).toBe(2)
    for (const future of [exiting!, after!]) expect(await future.exception()).toBeInstanceOf(WorkerCrashedError)
  })
})
