import type { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { Outbox } from '../../../src/executor/worker-thread/outbox.ts'
import { ThreadTask } from '../../../src/executor/worker-thread/thread-task.ts'
import type { RemoteLink } from '../../../src/executor/remote.ts'
import { fixture } from '../../helpers/thread-executors.ts'

describe('Outbox.send()', () => {
  test('sends one by one what can not be cloned together, and fails only what can not be cloned by itself', () => {
    const messages: unknown[] = []
    // What a port does.
    const worker = { postMessage: (message: unknown) => void messages.push(structuredClone(message)) }
    const outbox = new Outbox(worker as unknown as Worker)
    const taskWith = (value: unknown): ThreadTask => {
      const link: RemoteLink = { shared: [{ version: 1, value }] }
      return new ThreadTask(fixture('arithmetic-tasks.mjs', 'add', 1, 2), link, undefined)
    }
    const tasks = [taskWith('text'), taskWith(() => 'a function'), taskWith('text')]
    const outcomes = tasks.map((task) =>
      task.begin({ runInAsyncScope: () => undefined } as never).then(
        () => 'fulfilled',
        (error: unknown) => (error as Error).name,
      ),
    )
    expect(outbox.send(tasks)).toEqual([tasks[0], tasks[2]])
    expect(messages.filter((message) => (message as { kind: string }).kind === 'tasks')).toHaveLength(2)
    return expect(outcomes[1]).resolves.toBe('TaskNotCloneableError')
  })
})
