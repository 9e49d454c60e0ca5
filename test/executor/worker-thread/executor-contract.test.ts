import { afterEach, describe, expect, test } from 'vitest'
import {
  WorkerThreadExecutor,
  type WorkerThreadExecutorOptions,
} from '../../../src/executor/worker-thread/worker-thread-executor.ts'
import { executorContract } from '../../../src/testing/index.ts'
import { liveThreads } from '../../helpers/thread-watch.ts'

const variants: WorkerThreadExecutorOptions[] = [
  { maxWorkers: 1 },
  { maxWorkers: 3, threads: 1 },
  { maxWorkers: 3, threads: 3 },
  { maxWorkers: Infinity, threads: 2 },
]

afterEach(() => {
  expect(liveThreads()).toBe(0)
})

describe('WorkerThreadExecutor whose tasks report by a socket', () => {
  for (const { title, run } of executorContract) {
    test(title, () => run(() => new WorkerThreadExecutor({ maxWorkers: 3, threads: 2 }), { sharesMemory: false }))
  }
})

for (const options of variants) {
  describe(`WorkerThreadExecutor(${JSON.stringify(options)})`, () => {
    for (const { title, run } of executorContract) test(title, () => run(() => new WorkerThreadExecutor(options)))
  })
}
