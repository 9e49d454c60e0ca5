import { expect, test } from 'vitest'
import { ThreadTask } from '../../../src/executor/worker-thread/thread-task.ts'
import { Thread } from '../../../src/executor/worker-thread/thread.ts'
import { gate } from '../../helpers/gate.ts'
import { fixture } from '../../helpers/thread-executors.ts'

test('Thread.end() hands over what was assigned in the same turn, and sends it nowhere', async () => {
  const [ready, gone] = [gate<undefined>(), gate<readonly ThreadTask[]>()]
  const owner = {
    handleRetired: () => {},
    handleReady: () => {
      ready.open(undefined)
    },
    handleGone: (_thread: Thread, unsentTasks: Iterable<ThreadTask>) => {
      gone.open([...unsentTasks])
    },
  }
  const options = { initializer: undefined, resourceLimits: undefined, idleTimeout: Infinity, startTimeout: Infinity }
  const thread = new Thread(owner, options, 0)
  await ready.promise
  const task = new ThreadTask(fixture('arithmetic-tasks.mjs', 'add', 1, 2), {}, undefined)
  thread.assign(task)
  await thread.end()
  expect(await gone.promise).toEqual([task])
})
