import { afterEach, expect } from 'vitest'
import {
  WorkerThreadExecutor,
  type WorkerThreadExecutorOptions,
} from '../../src/executor/worker-thread/worker-thread-executor.ts'
import { taskReference, type TaskReference } from '../../src/task-reference.ts'
import { liveThreads } from './thread-watch.ts'

const executors: WorkerThreadExecutor[] = []

/** After each test: shuts down what `open` has made, and looks whether a thread is left. */
export function closeExecutorsAfterEach(): void {
  afterEach(async () => {
    const over = executors.splice(0).map((each) => each.shutdown({ cancelPending: true, cancelRunning: true }))
    await Promise.all(over)
    expect(liveThreads()).toBe(0)
  })
}

export function open(options?: WorkerThreadExecutorOptions): WorkerThreadExecutor {
  const executor = new WorkerThreadExecutor(options)
  executors.push(executor)
  return executor
}

/** A task of `test/fixtures/`: file, export, arguments. */
export function fixture<T = unknown>(file: string, name: string, ...args: unknown[]): TaskReference<T> {
  return taskReference(new URL(`../fixtures/${file}`, import.meta.url), name, ...args) as TaskReference<T>
}
