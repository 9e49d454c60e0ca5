import { describe, expect, it } from 'vitest'
import { NonceCounts } from '../../../src/session/auth/nonce-counts.ts'

const origin = 'http://h.test'

describe('NonceCounts', () => {
  it('counts each nonce of each server from 1', () => {
    const counts = new NonceCounts()
    const [one, other, elsewhere] = [
      counts.of(origin, 'n'),
      counts.of(origin, 'm'),
      counts.of('https://h.test', 'n'),
    ] as const

    expect([one.next(), one.next(), other.next(), one.next(), elsewhere.next()]).toEqual([1, 2, 1, 3, 1])
    expect(counts.of(origin, 'n').next()).toBe(4)
  })

  it('counts on wherever its memory is', () => {
    const here = new NonceCounts()
    const there = new NonceCounts(here.memory)
    const [one, other] = [here.of(origin, 'n'), there.of(origin, 'n')]

    expect([one.next(), other.next(), other.next(), one.next(), other.next()]).toEqual([1, 2, 3, 4, 5])
  })

  it('is not confused by the many nonces of another server', () => {
    const here = new NonceCounts()
    const there = new NonceCounts(here.memory)
    const [one, other] = [here.of(origin, 'n'), there.of(origin, 'n')]
    const counts: number[] = []
    for (let index = 0; index < 1000; index++) {
      here.of('http://busy.test', `nonce ${index}`).next()
      if (index % 100 === 0) counts.push(one.next(), other.next())
    }
    expect(counts).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    expect(here.memory.byteLength).toBe(4096)
  })

  it('counts on by itself where its place is gone', () => {
    const counts = new NonceCounts()
    const count = counts.of(origin, 'n')
    for (let last = 0; last < 20; last++) {
      expect(count.next()).toBe(last + 1)
      for (let index = 0; index < 100; index++) counts.of(origin, `nonce ${last} ${index}`).next()
    }
  })

  it('gives a place that somebody else takes meanwhile to nobody twice', () => {
    const counts = new NonceCounts()
    const words = new BigUint64Array(counts.memory)
    const { compareExchange } = Atomics
    let rival: number | undefined
    Atomics.compareExchange = ((...args: [BigUint64Array, number, bigint, bigint]) => {
      Atomics.compareExchange = compareExchange
      rival = new NonceCounts(counts.memory).of(origin, 'n').next()
      return compareExchange(...args)
    }) as typeof compareExchange
    const own = counts.of(origin, 'n').next()

    expect([rival, own]).toEqual([1, 2])
    expect(words.filter((word) => word !== 0n)).toHaveLength(1)
  })
})
