import { describe, expect, test } from 'vitest'
import { countJobs, shouldHoldBack } from '../../../src/executor/bullmq/job-sender.ts'
import { afterLoss, isLost, judgeJob } from '../../../src/executor/bullmq/recovery-rules.ts'

describe('afterLoss()', () => {
  test.each([
    [{ isIdempotent: true, hasBegun: true, deliveries: 1 }, 'again'],
    [{ isIdempotent: true, hasBegun: true, deliveries: 3 }, 'deadly'],
    [{ isIdempotent: false, hasBegun: true, deliveries: 1 }, 'unknown'],
    [{ isIdempotent: false, hasBegun: false, deliveries: 1 }, 'again'],
    [{ isIdempotent: false, hasBegun: false, deliveries: 3 }, 'deadly'],
  ])('of %o is %s', (task, next) => {
    expect(afterLoss(task, 3)).toBe(next)
  })
})

describe('isLost()', () => {
  const sighting = (isConnected: boolean, isAlive: boolean) => ({ isConnected, isAlive })

  test('is true of a connection that is gone in two looks, and of a key that has expired', () => {
    expect(isLost(sighting(true, true), 0, Infinity)).toBe(false)
    expect(isLost(sighting(false, true), 1, Infinity)).toBe(false)
    expect(isLost(sighting(false, true), 2, Infinity)).toBe(true)
    expect(isLost(sighting(true, false), 0, Infinity)).toBe(true)
  })

  test('is false shortly after Redis has come back: workers come when they can', () => {
    expect(isLost(sighting(false, false), 9, 4999)).toBe(false)
    expect(isLost(sighting(false, false), 9, 5000)).toBe(true)
  })
})

describe('judgeJob()', () => {
  test.each([
    ['lies in the queue', { exists: true, owner: undefined }, false, 0, 60_000, 'fine'],
    ['was not found once', { exists: false, owner: undefined }, false, 1, 2000, 'fine'],
    ['was not found twice', { exists: false, owner: undefined }, false, 2, 3000, 'gone'],
    ['was taken just now', { exists: true, owner: 'w' }, false, 0, 2000, 'fine'],
    ['was taken by who has died', { exists: true, owner: 'w' }, true, 0, 2000, 'dead'],
    ['was taken by who says nothing', { exists: true, owner: 'w' }, false, 0, 6000, 'silent'],
  ] as const)('of a job that %s', (_, sighting, isOwnerLost, misses, age, state) => {
    expect(judgeJob(sighting, isOwnerLost, misses, age)).toBe(state)
  })
})

describe('countJobs()', () => {
  test('spreads tasks over the workers, in jobs that are not too large', () => {
    expect([countJobs(1, 4, 32), countJobs(3, 4, 32), countJobs(64, 4, 32), countJobs(256, 4, 32)]).toEqual([
      1, 3, 4, 8,
    ])
    expect([countJobs(10, 0, 32), countJobs(10, 2, 1)]).toEqual([1, 10])
  })
})

describe('shouldHoldBack()', () => {
  test('is true while workers have enough to take, and a batch is not full', () => {
    expect(shouldHoldBack(5, 3, 2, 32)).toBe(false)
    expect(shouldHoldBack(5, 4, 2, 32)).toBe(true)
    expect(shouldHoldBack(32, 4, 2, 32)).toBe(false)
    expect(shouldHoldBack(5, 2, 0, 32)).toBe(true)
  })
})
