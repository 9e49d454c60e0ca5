import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StackBudget } from '../../../src/executor/remote/submitted-task.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** How many of so many in a row are allowed. */
const allowed = (allowance: StackBudget, count: number): number =>
  Array.from({ length: count }, () => allowance.take(0)).filter(Boolean).length

describe('StackBudget.take()', () => {
  test('allows a hundred at once, then one for each millisecond', () => {
    const allowance = new StackBudget()
    expect(allowed(allowance, 1_000)).toBe(100)
    vi.advanceTimersByTime(7)
    expect(allowed(allowance, 1_000)).toBe(7)
  })

  test('saves no more than a hundred', () => {
    const allowance = new StackBudget()
    vi.advanceTimersByTime(60_000)
    expect(allowed(allowance, 1_000)).toBe(100)
  })

  test('allows none where a hundred wait already, and takes nothing off for that', () => {
    const allowance = new StackBudget()
    expect(allowance.take(100)).toBe(false)
    expect(allowed(allowance, 1_000)).toBe(100)
  })
})
