import { afterEach, beforeEach } from 'vitest'
import { executorTimes } from '../../src/executor/executor-times.ts'

/** Executors have these times in each test of the file, or of the `describe` that calls this, instead of their own. */
export function useTimes(times: Partial<typeof executorTimes>): void {
  const own = { ...executorTimes }
  beforeEach(() => void Object.assign(executorTimes, times))
  afterEach(() => void Object.assign(executorTimes, own))
}
