import { describe, expect, test } from 'vitest'
import type { Executor } from '../../src/executor/executor.ts'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import { executorContract } from '../../src/testing/index.ts'
import { PretendIsolatedExecutor } from './pretend-isolated-executor.ts'
import { SelfRunningExecutor } from './self-running-executor.ts'

for (const maxWorkers of [1, 2, 3, 8, Infinity]) {
  describe(`InProcessExecutor({ maxWorkers: ${maxWorkers} })`, () => {
    for (const { title, run } of executorContract) test(title, () => run(() => new InProcessExecutor({ maxWorkers })))
  })
}

describe('InProcessExecutor with all its options', () => {
  const options = {
    maxWorkers: 4,
    maxPerGroup: 3,
    maxQueue: 10_000,
    rateLimit: { limit: 10_000, interval: 1, perGroup: true },
  }
  for (const { title, run } of executorContract) test(title, () => run(() => new InProcessExecutor(options)))
})

describe('InProcessExecutor with a rate limit that is never reached', () => {
  const rateLimit = { limit: 10_000, interval: 60_000 }
  for (const { title, run } of executorContract) {
    test(title, () => run(() => new InProcessExecutor({ maxWorkers: 2, rateLimit })))
  }
})

for (const maxWorkers of [1, 3, Infinity]) {
  describe(`A ManualExecutor({ maxWorkers: ${maxWorkers} }) that runs by itself`, () => {
    for (const { title, run } of executorContract) test(title, () => run(() => new SelfRunningExecutor({ maxWorkers })))
  })
}

describe('An executor that pretends to be isolated', () => {
  for (const { title, run } of executorContract) {
    test(title, () => run(() => new PretendIsolatedExecutor({ maxWorkers: 2 })))
  }
})

describe('An executor whose tasks report by a socket', () => {
  const executors: Record<string, () => Executor> = {
    'InProcessExecutor({ maxWorkers: 2 })': () => new InProcessExecutor({ maxWorkers: 2 }),
    'InProcessExecutor({ maxWorkers: Infinity })': () => new InProcessExecutor({ maxWorkers: Infinity }),
    'one that pretends to be isolated': () => new PretendIsolatedExecutor({ maxWorkers: 2 }),
  }
  for (const [name, create] of Object.entries(executors)) {
    for (const { title, run } of executorContract) {
      test(`${name}: ${title}`, () => run(create, { sharesMemory: false }))
    }
  }
})

test('executorContract has a title of its own for each case', () => {
  expect(new Set(executorContract.map(({ title }) => title)).size).toBe(executorContract.length)
})
