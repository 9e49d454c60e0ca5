import { describe, expect, test } from 'vitest'
import {
  FutureController,
  FuturesSession,
  InProcessExecutor,
  InvalidOptionError,
  InvalidURLError,
  PreparedRequest,
  type Executor,
  type SubmitOptions,
  type Task,
  type TaskReference,
} from '../../src/index.ts'
import { closeRemoteSessionsAfterEach, openRemote } from '../helpers/remote-sessions.ts'
import { closeExecutorsAfterEach, open } from '../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

const url = 'http://127.0.0.1:1/'
const executors: [string, () => Executor][] = [
  ['in process', () => new InProcessExecutor()],
  ['in threads', () => open()],
]

describe.each(executors)('FuturesSession.get() %s', (_, makeExecutor) => {
  test.each<[string, unknown, RegExp]>([
    ['a number as its options', 5, /options to be an object, got `5`/],
    ['null', null, /options to be an object, got `null`/],
    ['a string', 'fast', /options to be an object, got `'fast'`/],
    ['a function', () => 1, /options to be an object, got a function/],
    ['`method` in its options', { method: 'POST' }, /`method`: it is an argument of its own/],
    ['`url` in its options', { url }, /`url`: it is an argument of its own/],
  ])('given %s rejects the future, as Session does', async (_what, options, message) => {
    const session = openRemote({ executor: makeExecutor() })
    const log: string[] = []
    for (const event of ['submit', 'failure'] as const) session.on(event, () => log.push(event))
    const error = (await session.get(url, options as never).exception()) as InvalidOptionError
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error.message).toMatch(message)
    expect(error.request).toEqual({ method: 'GET', url })
    expect(log).toEqual(['submit', 'failure'])
    expect(session.stats()).toMatchObject({ submitted: 1, rejected: 1, pending: 0 })
    expect(session.executor.stats()).toMatchObject({ pending: 0, running: 0, rejected: 0 })
  })
})

test.each<[string, unknown]>([
  ['a request in one object', { url, method: 'POST' }],
  ['a list', [url]],
])('FuturesSession.get() given %s for a URL rejects the future', async (_, target) => {
  const session = openRemote({ executor: new InProcessExecutor() })
  const future = session.get(target as never)
  const error = (await future.exception()) as InvalidURLError
  expect(error).toBeInstanceOf(InvalidURLError)
  expect(error.message).toMatch(/`url` to be a string or a URL, got an (array|object)/)
  expect(future.request).toEqual({ method: 'GET', url: target })
})

test('FuturesSession.get() given options with a getter that throws rejects the future with its error', async () => {
  const session = openRemote({ executor: new InProcessExecutor() })
  const error = new Error('hostile')
  const options = {
    get headers(): never {
      throw error
    },
  }
  const future = session.get(url, options)
  expect(future.pending()).toBe(false)
  expect(await future.exception()).toBe(error)
  expect(future.request).toEqual({ method: 'GET', url })
  expect(session.stats()).toMatchObject({ submitted: 1, rejected: 1, pending: 0 })
})

test('FuturesSession.request() and map() given null for a method reject the future', async () => {
  const session = openRemote({ executor: new InProcessExecutor() })
  const refused = { name: 'InvalidOptionError', option: 'method' }
  expect(await session.request(null as never, url).exception()).toMatchObject(refused)
  for await (const future of session.map([{ method: null as never, url }]))
    expect(await future.exception()).toMatchObject(refused)
})

test.each<[string, unknown, RegExp]>([
  ['files that are no pairs', { files: ['text'] }, /files/],
  ['files of no kind', { files: 5 }, /files/],
])('FuturesSession.post() given %s rejects the future', async (_, options, message) => {
  for (const makeExecutor of executors.map(([, make]) => make)) {
    const session = openRemote({ executor: makeExecutor() })
    const error = (await session.post(url, options as never).exception()) as InvalidOptionError
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error.message).toMatch(message)
  }
})

test.each(['method', 'url'])('FuturesSession.send() given another `%s` sends the request as it is', async (name) => {
  const session = openRemote({ executor: new InProcessExecutor() })
  const future = session.send(new PreparedRequest({ method: 'GET', url }), { [name]: 'other' })
  expect(await future.exception()).toMatchObject({ name: 'ConnectionError', request: { method: 'GET', url } })
  expect(future.request).toMatchObject({ method: 'GET', url })
})

test('FuturesSession on an executor that starts what was cancelled, and settles twice, counts each request once', async () => {
  const answers: boolean[] = []
  const inner = new InProcessExecutor()
  const careless: Executor = {
    maxWorkers: 1,
    isolated: false,
    submit: <T>(
      work: Task<T> | TaskReference<T>,
      { controller = new FutureController<T>() }: SubmitOptions<T> = {},
    ) => {
      const run = async (): Promise<void> => {
        answers.push(controller.start())
        if (controller.future.done()) return
        const context = { signal: controller.future.signal, onCancel: () => undefined }
        const value = await (work as Task<T>)(context)
        answers.push(controller.resolve(value), controller.resolve(value), controller.reject(new Error('late')))
      }
      void Promise.resolve().then(run)
      return controller.future
    },
    shutdown: () => inner.shutdown(),
    stats: () => inner.stats(),
    [Symbol.asyncDispose]: () => inner.shutdown(),
  }
  const session = new FuturesSession({ executor: careless, session: { request: async () => 'answer' } })
  session.get(url).cancel()
  expect(await session.get(url).result()).toBe('answer')
  await session.onIdle()
  expect(answers).toEqual([false, true, true, false, false])
  expect(session.stats()).toMatchObject({ submitted: 2, fulfilled: 1, cancelled: 1, rejected: 0, running: 0 })
})

test('FuturesSession.map() takes method and URL in one object', async () => {
  const session = new FuturesSession({ session: { request: async (method, target) => `${method} ${String(target)}` } })
  for await (const future of session.map([{ method: 'POST', url }])) expect(await future.result()).toBe(`POST ${url}`)
})
