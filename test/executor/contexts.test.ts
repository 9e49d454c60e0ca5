import { describe, expect, test } from 'vitest'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import type { TaskContext } from '../../src/executor/executor.ts'
import { submitRemote, type RemoteTask } from '../../src/executor/remote.ts'
import { FuturesSession, Session, type SentHookContext } from '../../src/index.ts'
import { ManualExecutor } from '../../src/testing/index.ts'
import { until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'
import { closeExecutorsAfterEach, fixture, open } from '../helpers/thread-executors.ts'

closeExecutorsAfterEach()

describe('The context of a task can be taken apart', () => {
  test.each([
    ['InProcessExecutor', () => new InProcessExecutor()],
    ['ManualExecutor', () => new ManualExecutor()],
  ])('%s', async (_name, create) => {
    const executor = create()
    const told: unknown[] = []
    let context!: TaskContext
    const future = executor.submit(async ({ signal, onCancel }) => {
      context = { signal, onCancel }
      await new Promise((resolve) => [onCancel].forEach((each) => each(resolve)))
    })
    if (executor instanceof ManualExecutor) executor.runNext()
    await until(() => future.running())
    context.onCancel((reason) => told.push(reason))
    context.signal.addEventListener('abort', () => told.push('aborted'))
    future.cancel('enough')
    context.onCancel((reason) => told.push(reason))
    expect(told.sort()).toEqual(['aborted', 'enough', 'enough'])
    await executor.shutdown()
  })

  test('WorkerThreadExecutor', async () => {
    const said: unknown[] = []
    let task!: RemoteTask
    const link = {
      shared: [{ version: 1, value: 'shared' }],
      handleStart: (each: RemoteTask) => void (task = each),
      handleMessage: (message: unknown) => void said.push(message),
    }
    const future = open()[submitRemote](fixture('link-tasks.mjs', 'useTakenOut'), {}, link)
    await until(() => said.length === 1)
    task.post('hello')
    await until(() => said.length === 2)
    future.cancel(new Error('enough'))
    await until(() => said.length === 3)
    expect(said).toEqual([{ aborted: false, shared: 1 }, { heard: 'hello' }, { reason: 'enough', aborted: true }])
  })
})

test('The context of a hook can be taken apart, and copied', async () => {
  const server = await startServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/' })
    response.end()
  })
  const seen: string[] = []
  const note = (name: string) => (_subject: unknown, context: SentHookContext) => {
    const { signal, session, attempt, context: own, request } = context
    const { signal: copied } = { ...context }
    const isRight = !signal.aborted && signal === copied && session instanceof Session && request.method === 'GET'
    seen.push(`${name} ${attempt} ${String(own)} ${isRight}`)
  }
  const hooks = { request: note('request'), redirect: note('redirect'), response: note('response') }
  const session = new FuturesSession({ hooks })
  await session.get(`${server.url}/moved`, { context: 'mine' }).result()
  await session[Symbol.asyncDispose]()
  await server.close()
  const names = ['request', 'redirect', 'request', 'response']
  expect(seen).toEqual(names.map((name) => `${name} 1 mine true`))
})
