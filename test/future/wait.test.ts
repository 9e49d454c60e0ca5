import { describe, expect, test } from 'vitest'
import type { FutureController } from '../../src/future/future-controller.ts'
import type { Future } from '../../src/future/future.ts'
import { wait, type ReturnWhen } from '../../src/future/combine.ts'
import { turn } from '../helpers/gate.ts'
import { controllers, futureIn, rejection } from './states.ts'

/** Whether it has resolved yet, and with what. */
function watch<T>(promise: Promise<T>): { readonly promise: Promise<T>; isOver: boolean } {
  const watched = { promise, isOver: false }
  void promise.then(() => (watched.isOver = true))
  return watched
}

const indices = (set: Set<Future<string>>, all: FutureController<string>[]): number[] =>
  [...set].map((future) => all.findIndex((each) => each.future === future))

describe('wait()', () => {
  test('waits for all by default, failed and cancelled ones included; both sets are in input order', async () => {
    const all = controllers(4)
    const waiting = watch(wait(all.map(({ future }) => future)))
    all[3]!.resolve('value')
    all[0]!.reject('error')
    all[2]!.future.cancel()
    await turn()
    expect(waiting.isOver).toBe(false)
    all[1]!.resolve('value')
    const { done, notDone } = await waiting.promise
    expect(indices(done, all)).toEqual([0, 1, 2, 3])
    expect(notDone.size).toBe(0)
  })

  test('of done futures, or of none, resolves', async () => {
    const futures = [futureIn('fulfilled'), futureIn('rejected'), futureIn('cancelled')]
    for (const returnWhen of ['ALL_COMPLETED', 'FIRST_COMPLETED', 'FIRST_EXCEPTION', undefined] as const) {
      const { done, notDone } = await wait(new Set(futures), { returnWhen })
      expect([...done]).toEqual(futures)
      expect(notDone.size).toBe(0)
      expect(await wait([], { returnWhen })).toEqual({ done: new Set(), notDone: new Set() })
    }
  })

  test('collapses duplicates', async () => {
    const [done, open] = [futureIn('fulfilled'), futureIn('running')]
    const result = await wait([done, open, done, open], { timeout: 0 })
    expect([result.done.size, result.notDone.size]).toEqual([1, 1])
  })

  test('FIRST_COMPLETED returns with the first that is done in any way', async () => {
    for (const settle of [
      (controller: FutureController<string>) => controller.resolve('value'),
      (controller: FutureController<string>) => controller.reject('error'),
      (controller: FutureController<string>) => controller.future.cancel(),
    ]) {
      const all = controllers(3)
      const waiting = wait(
        all.map(({ future }) => future),
        { returnWhen: 'FIRST_COMPLETED' },
      )
      settle(all[1]!)
      const { done, notDone } = await waiting
      expect([indices(done, all), indices(notDone, all)]).toEqual([[1], [0, 2]])
    }
    const { done } = await wait([futureIn('running'), futureIn('cancelled')], { returnWhen: 'FIRST_COMPLETED' })
    expect(done.size).toBe(1)
  })

  test('FIRST_EXCEPTION returns with the first that failed', async () => {
    const all = controllers(3)
    const waiting = watch(
      wait(
        all.map(({ future }) => future),
        { returnWhen: 'FIRST_EXCEPTION' },
      ),
    )
    all[0]!.resolve('value')
    await turn()
    expect(waiting.isOver).toBe(false)
    all[2]!.reject(undefined)
    const { done, notDone } = await waiting.promise
    expect([indices(done, all), indices(notDone, all)]).toEqual([[0, 2], [1]])
    const ready = await wait([futureIn('running'), futureIn('rejected')], { returnWhen: 'FIRST_EXCEPTION' })
    expect(ready.notDone.size).toBe(1)
  })

  test('FIRST_EXCEPTION takes a cancellation for none', async () => {
    const all = controllers(2)
    const waiting = watch(
      wait(
        all.map(({ future }) => future),
        { returnWhen: 'FIRST_EXCEPTION' },
      ),
    )
    all[0]!.future.cancel()
    await turn()
    expect(waiting.isOver).toBe(false)
    all[1]!.future.cancel()
    expect((await waiting.promise).done.size).toBe(2)
  })

  test('reports together what is settled in one turn', async () => {
    const all = controllers(3)
    const waiting = wait(
      all.map(({ future }) => future),
      { returnWhen: 'FIRST_COMPLETED' },
    )
    all[0]!.resolve('value')
    all[1]!.resolve('value')
    expect((await waiting).done.size).toBe(2)
  })

  test('never rejects on timeout, and cancels nothing', async () => {
    const all = controllers(3)
    all[1]!.resolve('value')
    for (const timeout of [5, 0, -1]) {
      const { done, notDone } = await wait(
        all.map(({ future }) => future),
        { timeout },
      )
      expect([indices(done, all), indices(notDone, all)]).toEqual([[1], [0, 2]])
    }
    expect(all.map(({ future }) => future.state)).toEqual(['pending', 'fulfilled', 'pending'])
  })

  test('in a loop leaves nothing on the futures', async () => {
    const [controller] = controllers(1)
    for (let count = 0; count < 10_000; count++) await wait([controller!.future], { timeout: 0 })
    const waits = Array.from({ length: 1_000 }, () => wait([controller!.future, futureIn('running')], { timeout: 5 }))
    await Promise.all(waits)
    controller!.resolve('value')
  })

  test('takes 100 000 futures', async () => {
    const all = controllers(100_000)
    const waiting = wait(all.map(({ future }) => future))
    for (const controller of all) controller.resolve('value')
    expect((await waiting).done.size).toBe(100_000)
  })

  test.each(['all', '', 'ALL', 1, null, {}])('rejects with a TypeError for `returnWhen` %o', async (returnWhen) => {
    const error = await rejection(wait([], { returnWhen: returnWhen as ReturnWhen }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(
      /^Expected `returnWhen` to be one of ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, got /,
    )
  })

  test.each([undefined, null, 1, {}, futureIn('fulfilled')])(
    'rejects with a TypeError for %o instead of futures',
    async (bad) => {
      const error = await rejection(wait(bad as never))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.message).toMatch(/^Expected an iterable of futures, got /)
    },
  )

  test('rejects with a TypeError that names the element which is no future', async () => {
    const error = await rejection(wait([futureIn('fulfilled'), 1] as never))
    expect(error.message).toBe('Expected a future at index 1, got `1` (number)')
  })
})
