import { describe, expect, expectTypeOf, test } from 'vitest'
import { CancelledError, FuturesError, TimeoutError } from '../../src/errors.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { controllerIn, controllers, futureIn, rejection } from './states.ts'

describe('Future.all()', () => {
  test('resolves with the values in input order', async () => {
    const all = controllers(3)
    const waiting = Future.all(all.map(({ future }) => future))
    all[2]!.resolve('c')
    all[0]!.resolve('a')
    all[1]!.resolve('b')
    expect(await waiting).toEqual(['a', 'b', 'c'])
  })

  test('is typed as Promise.all is, tuples too', async () => {
    const [text, count] = [new FutureController<string>(), new FutureController<number>()]
    text.resolve('text')
    count.resolve(1)
    const tuple = await Future.all([text.future, count.future])
    expectTypeOf(tuple).toEqualTypeOf<[string, number]>()
    const list = await Future.all(new Set([count.future]))
    expectTypeOf(list).toEqualTypeOf<number[]>()
    expect([tuple, list]).toEqual([['text', 1], [1]])
  })

  test('of nothing is an empty list', async () => {
    expect(await Future.all([])).toEqual([])
    expect(await Future.all([], { timeout: 0 })).toEqual([])
  })

  test('gives a future that stands there twice two places', async () => {
    const future = futureIn('fulfilled')
    expect(await Future.all([future, future])).toEqual(['value', 'value'])
  })

  test('rejects with the first failure as it is, and cancels the rest, with that as the reason', async () => {
    const all = controllers(4)
    all[0]!.start()
    const waiting = rejection(Future.all(all.map(({ future }) => future)))
    all[3]!.resolve('value')
    const error = new Error('own')
    all[1]!.reject(error)
    expect(await waiting).toBe(error)
    expect(all.map(({ future }) => future.state)).toEqual(['cancelled', 'rejected', 'cancelled', 'fulfilled'])
    expect((await rejection(all[0]!.future.result())).cause).toBe(error)
  })

  test('takes a cancellation for a failure', async () => {
    const all = controllers(2)
    const waiting = rejection(Future.all(all.map(({ future }) => future)))
    all[1]!.future.cancel('why')
    const error = await waiting
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.cause).toBe('why')
    expect(all[0]!.future.cancelled()).toBe(true)
  })

  test.each([undefined, null, 0, ''])('rejects with %o where the work does', async (error) => {
    const all = controllers(2)
    const waiting = rejection(Future.all(all.map(({ future }) => future)))
    all[0]!.reject(error)
    expect(await waiting).toBe(error)
  })

  test('prefers, of several failures that are there, the first in input order', async () => {
    const [first, second] = [controllerIn('running'), controllerIn('running')]
    second.reject('second')
    first.reject('first')
    const open = futureIn('running')
    expect(await rejection(Future.all([open, first.future, second.future]))).toBe('first')
    expect(open.cancelled()).toBe(true)
  })

  test('that runs out or is aborted cancels nothing', async () => {
    const all = controllers(3)
    all[0]!.resolve('value')
    const futures = all.map(({ future }) => future)
    const error = await rejection(Future.all(futures, { timeout: 5 }))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ scope: 'wait', unfinished: 2, total: 3 })
    expect(error.message).toBe('Future.all: 2 (of 3) futures unfinished after 5 ms')
    expect(await rejection(Future.all(futures, { signal: AbortSignal.abort('stop') }))).toBe('stop')
    expect(futures.map(({ state }) => state)).toEqual(['fulfilled', 'pending', 'pending'])
  })
})

describe('Future.any()', () => {
  test('resolves with the first success, and cancels the losers', async () => {
    const all = controllers(4)
    all[2]!.start()
    const waiting = Future.any(all.map(({ future }) => future))
    all[0]!.reject('error')
    all[1]!.resolve('value')
    expect(await waiting).toBe('value')
    expect(all.map(({ future }) => future.state)).toEqual(['rejected', 'fulfilled', 'cancelled', 'cancelled'])
    const { cause } = await rejection(all[2]!.future.result())
    expect(cause).toBeInstanceOf(FuturesError)
    expect(cause.message).toBe('Another future of Future.any() was fulfilled first')
  })

  test('is typed as Promise.any is', () => {
    type Both = [Future<string>, Future<number>]
    const any = (futures: Both): Promise<string | number> => Future.any(futures)
    expectTypeOf(any).returns.toEqualTypeOf<Promise<string | number>>()
  })

  test('prefers, of several successes that are there, the first in input order', async () => {
    const [first, second] = [new FutureController<string>(), new FutureController<string>()]
    second.resolve('second')
    first.resolve('first')
    expect(await Future.any([futureIn('running'), first.future, second.future])).toBe('first')
  })

  test('rejects with an AggregateError, in input order, when all have failed or were cancelled', async () => {
    const all = controllers(3)
    const waiting = rejection(Future.any(all.map(({ future }) => future)))
    all[2]!.reject('third')
    all[1]!.future.cancel('second')
    all[0]!.reject(undefined)
    const error = await waiting
    expect(error).toBeInstanceOf(AggregateError)
    expect(error.message).toBe('Future.any: none of the futures was fulfilled')
    expect(error.errors).toEqual([undefined, expect.any(CancelledError), 'third'])
    expect(error.errors[1].cause).toBe('second')
  })

  test('of nothing is an AggregateError without errors', async () => {
    const error = await rejection(Future.any([]))
    expect(error).toBeInstanceOf(AggregateError)
    expect(error.errors).toEqual([])
  })

  test('of failures that are there rejects at once', async () => {
    const error = await rejection(Future.any([futureIn('rejected'), futureIn('cancelled')], { timeout: 0 }))
    expect(error.errors).toEqual(['error', expect.any(CancelledError)])
  })

  test('that runs out or is aborted cancels nothing', async () => {
    const futures = [futureIn('running'), futureIn('rejected')]
    const error = await rejection(Future.any(futures, { timeout: 5 }))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.message).toBe('Future.any: 1 (of 2) futures unfinished after 5 ms')
    expect(await rejection(Future.any(futures, { signal: AbortSignal.abort('stop') }))).toBe('stop')
    expect(futures[0]!.state).toBe('running')
  })
})

describe.each([
  ['Future.all()', Future.all as (futures: any, options?: any) => Promise<unknown>],
  ['Future.any()', Future.any as (futures: any, options?: any) => Promise<unknown>],
])('%s', (_name, combine) => {
  test.each([undefined, null, 1, {}, futureIn('fulfilled')])('rejects with a TypeError for %o', async (bad) => {
    const error = await rejection(combine(bad))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/^Expected an iterable of futures, got /)
  })

  test('rejects with a TypeError that names the element which is no future, and cancels nothing', async () => {
    const future = futureIn('running')
    const error = await rejection(combine([future, Promise.resolve()]))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe('Expected a future at index 1, got an object (Promise)')
    expect(future.state).toBe('running')
  })

  test('takes 100 000 futures', async () => {
    const all = controllers(100_000)
    const waiting = combine(all.map(({ future }) => future))
    for (const controller of all) controller.future.cancel()
    await rejection(waiting)
  })
})
