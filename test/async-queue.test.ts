import { describe, expect, test } from 'vitest'
import { AsyncQueue } from '../src/async-queue.ts'
import { turn } from './helpers/gate.ts'

const end = { done: true, value: undefined }
const item = <T>(value: T): object => ({ done: false, value })

describe('AsyncQueue', () => {
  test('hands out what was pushed, in order', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.push(2)
    expect(queue.readyCount).toBe(2)
    expect(await queue.next()).toEqual(item(1))
    expect(await queue.next()).toEqual(item(2))
    expect(queue.readyCount).toBe(0)
  })

  test('serves overlapping next() calls in order', async () => {
    const queue = new AsyncQueue<number>()
    const results = [queue.next(), queue.next(), queue.next()]
    expect(queue.demand).toBe(3)
    queue.push(1)
    queue.push(2)
    expect([queue.demand, queue.readyCount]).toEqual([1, 0])
    queue.finish()
    expect(await Promise.all(results)).toEqual([item(1), item(2), end])
  })

  test('does not unwrap promises', async () => {
    const queue = new AsyncQueue<Promise<number>>()
    const promise = Promise.resolve(1)
    queue.push(promise)
    expect((await queue.next()).value).toBe(promise)
  })

  test('.finish() ends it after what is there', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    expect(queue.isClosed).toBe(false)
    queue.finish()
    expect(queue.isClosed).toBe(true)
    queue.push(2)
    queue.finish()
    queue.fail(new Error('too late'))
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual([item(1), end, end])
  })

  test('.fail() rejects once, after what is there, then it is done', async () => {
    for (const error of [new Error('broken'), undefined, null]) {
      const queue = new AsyncQueue<number>()
      queue.push(1)
      queue.fail(error)
      expect(queue.isClosed).toBe(true)
      expect(await queue.next()).toEqual(item(1))
      await expect(queue.next()).rejects.toBe(error)
      expect(await queue.next()).toEqual(end)
    }
  })

  test('.fail() rejects the first that waits; the others are done', async () => {
    const queue = new AsyncQueue<number>()
    const results = Promise.allSettled([queue.next(), queue.next()])
    queue.fail('broken')
    expect(await results).toEqual([
      { status: 'rejected', reason: 'broken' },
      { status: 'fulfilled', value: end },
    ])
    expect(await queue.next()).toEqual(end)
  })

  test('.return() ends it at once: what is there is dropped, those who wait are done', async () => {
    const [full, empty, failed] = [new AsyncQueue<number>(), new AsyncQueue<number>(), new AsyncQueue<number>()]
    full.push(1)
    expect(await full.return()).toEqual(end)
    full.push(2)
    expect(await full.next()).toEqual(end)
    const waiting = empty.next()
    await empty.return()
    expect(await waiting).toEqual(end)
    failed.fail('broken')
    await failed.return()
    expect(await failed.next()).toEqual(end)
  })

  test('works in for await, whose break returns it', async () => {
    const queue = new AsyncQueue<number>()
    for (const value of [1, 2, 3]) queue.push(value)
    const seen: number[] = []
    for await (const value of queue) {
      seen.push(value)
      if (value === 2) break
    }
    expect([seen, queue.isClosed]).toEqual([[1, 2], true])
  })

  test('[Symbol.asyncDispose]() is return()', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    await queue[Symbol.asyncDispose]()
    expect([queue.isClosed, queue.readyCount]).toEqual([true, 0])
  })

  test('does not hold what it has handed out', async () => {
    const queue = new AsyncQueue<object>()
    const references = await (async () => {
      for (let count = 0; count < 10; count++) queue.push({ count })
      const all: WeakRef<object>[] = []
      for (let count = 0; count < 5; count++) all.push(new WeakRef((await queue.next()).value!))
      return all
    })()
    for (let attempt = 0; attempt < 20 && references.some((each) => each.deref() !== undefined); attempt++) {
      await turn()
      ;(globalThis as { gc?: () => void }).gc?.()
    }
    expect(references.filter((each) => each.deref() !== undefined)).toEqual([])
    expect(queue.readyCount).toBe(5)
  })
})
