import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { TaskNotCloneableError } from '../../../src/errors.ts'
import { InProcessExecutor } from '../../../src/executor/in-process-executor.ts'
import { isRemoteExecutor, submitRemote, type RemoteTask, type SharedValue } from '../../../src/executor/remote.ts'
import { FutureController } from '../../../src/future/future-controller.ts'
import { until } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'

closeExecutorsAfterEach()

const task = (name: string, ...args: unknown[]) => fixture<any>('link-tasks.mjs', name, ...args)

/** A value that counts how often it was read. */
class Settings implements SharedValue {
  version = 1
  reads = 0
  #value: unknown

  constructor(value: unknown) {
    this.#value = value
  }

  get value(): unknown {
    this.reads++
    return this.#value
  }

  change(value: unknown): void {
    this.version++
    this.#value = value
  }
}

describe('isRemoteExecutor()', () => {
  test('knows who has the extension', () => {
    expect(isRemoteExecutor(open())).toBe(true)
    expect(isRemoteExecutor(new InProcessExecutor())).toBe(false)
  })
})

describe('[submitRemote](), messages', () => {
  test('of the task come in order, before its outcome', async () => {
    const heard: unknown[] = []
    const link = { handleMessage: (message: unknown) => void heard.push(message) }
    const future = open()[submitRemote](task('count', 5), {}, link)
    future.addDoneCallback(() => heard.push('done'))
    expect(await future.result()).toBe('counted')
    expect(heard).toEqual([1, 2, 3, 4, 5, 'done'])
  })

  test('to the task wait until it listens', async () => {
    const heard: unknown[] = []
    const link = {
      handleStart(remote: RemoteTask) {
        remote.post('hello')
        remote.post('bye')
      },
      handleMessage: (message: unknown) => void heard.push(message),
    }
    expect(await open()[submitRemote](task('echoUntilBye'), {}, link).result()).toBe('over')
    expect(heard).toEqual([{ heard: 'hello' }, { heard: 'bye' }])
  })

  test('can move what they carry, both ways', async () => {
    const heard: any[] = []
    const view = new Uint8Array([1, 2])
    const link = {
      handleStart(remote: RemoteTask) {
        remote.post(view, [view.buffer])
        remote.post('bye')
      },
      handleMessage: (message: unknown) => void heard.push(message),
    }
    const executor = open()
    await executor[submitRemote](task('echoUntilBye'), {}, link).result()
    expect([view.byteLength, heard[0]]).toEqual([0, { heard: new Uint8Array([1, 2]) }])
    const given = executor[submitRemote](task('postBuffer'), {}, { handleMessage: (message) => heard.push(message) })
    expect(await given.result()).toBe(0)
    expect(heard.at(-1)).toEqual(new Uint8Array(10).fill(3))
  })

  test('that can not be cloned throw where they are posted', async () => {
    const executor = open()
    expect(await executor[submitRemote](task('postFunction'), {}, {}).exception()).toMatchObject({
      name: 'DataCloneError',
    })
    let thrown: unknown
    const link = {
      handleStart(remote: RemoteTask) {
        try {
          remote.post(() => 1)
        } catch (error) {
          thrown = error
        }
        remote.post('bye')
      },
    }
    await executor[submitRemote](task('echoUntilBye'), {}, link).result()
    expect(thrown).toMatchObject({ name: 'DataCloneError' })
  })

  test('after the end are ignored', async () => {
    const heard: unknown[] = []
    let remote: RemoteTask | undefined
    const link = {
      handleStart: (started: RemoteTask) => void (remote = started),
      handleMessage: (message: unknown) => void heard.push(message),
    }
    const executor = open({ threads: 1 })
    await executor[submitRemote](task('postLate'), {}, link).result()
    remote?.post('too late')
    remote?.abort('too late')
    await new Promise((resolve) => setTimeout(resolve, 20))
    await executor.submit(task('count', 1)).result()
    expect(heard).toEqual([])
  })

  test('come in the async context of the submission', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const link = {
      handleStart: () => void seen.push(storage.getStore()),
      handleMessage: () => void seen.push(storage.getStore()),
    }
    const executor = open({ threads: 1 })
    const future = storage.run('mine', () => executor[submitRemote](task('count', 1), {}, link))
    await storage.run('other', () => executor.submit(task('count', 1))).result()
    await future.result()
    expect(seen).toEqual(['mine', 'mine'])
  })

  test('need no link', async () => {
    expect(await open().submit(task('count', 3)).result()).toBe('counted')
  })
})

describe('[submitRemote](), abort', () => {
  test('tells a task whose future was settled by somebody else', async () => {
    const heard: unknown[] = []
    let remote: RemoteTask | undefined
    const controller = new FutureController<unknown>()
    const executor = open({ threads: 1, maxWorkers: 1 })
    const link = {
      handleStart: (started: RemoteTask) => void (remote = started),
      handleMessage: (message: unknown) => void heard.push(message),
    }
    executor[submitRemote](task('waitForAbort'), { controller }, link)
    await until(() => heard.length === 1)
    controller.reject(new Error('total timeout'))
    remote?.abort(new Error('total timeout'))
    await executor.submit(task('count', 1)).result()
    expect(heard).toEqual(['waiting', 'AbortError: total timeout'])
  })

  test('is not needed for one that was settled before its thread was ready: it never runs', async () => {
    const start = new ThreadGate()
    const initializer = fixture('initializers.mjs', 'pass', start.memory)
    const executor = open({ threads: 1, maxWorkers: 1, initializer })
    const controller = new FutureController<unknown>()
    let starts = 0
    executor[submitRemote](
      task('count', 1),
      { controller },
      {
        handleStart: () => {
          starts++
        },
      },
    )
    await start.arrived()
    controller.reject(new Error('total timeout'))
    start.open()
    await executor.submit(task('count', 1)).result()
    expect(starts).toBe(0)
  })

  test('ends the thread of one that ignores it', async () => {
    const gate = new ThreadGate()
    let remote: RemoteTask | undefined
    const executor = open({ threads: 1, maxWorkers: 1 })
    const link = { handleStart: (started: RemoteTask) => void (remote = started) }
    const future = executor[submitRemote](fixture('cancelled-tasks.mjs', 'spin', gate.memory), {}, link)
    await gate.arrived()
    remote?.abort('enough')
    expect(await future.exception()).toMatchObject({ name: 'WorkerCrashedError' })
    expect(await executor.submit(task('count', 1)).result()).toBe('counted')
  })
})

describe('[submitRemote](), shared values', () => {
  const read = () => task('readShared')

  test('cross once per thread and version', async () => {
    const executor = open({ threads: 1 })
    const [jar, settings] = [new Settings(['a=1']), new Settings({ proxy: 'none' })]
    const link = { shared: [jar, settings] }
    await executor[submitRemote](read(), {}, link).result()
    expect(await executor[submitRemote](read(), {}, link).result()).toEqual([
      { version: 1, value: ['a=1'], uses: 2 },
      { version: 1, value: { proxy: 'none' }, uses: 2 },
    ])
    expect([jar.reads, settings.reads]).toEqual([1, 1])
    jar.change(['a=2'])
    expect(await executor[submitRemote](read(), {}, link).result()).toMatchObject([
      { version: 2, value: ['a=2'], uses: 3 },
      {},
    ])
    expect([jar.reads, settings.reads]).toEqual([2, 1])
  })

  test('are read when the task is sent', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    const jar = new Settings('old')
    executor.submit(fixture('gate-tasks.mjs', 'pass', gate.memory))
    const future = executor[submitRemote](read(), {}, { shared: [jar] })
    await gate.arrived()
    jar.change('new')
    gate.open()
    expect(await future.result()).toMatchObject([{ version: 2, value: 'new' }])
    expect(jar.reads).toBe(1)
  })

  test('cross to each thread for itself', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 2 })
    const jar = new Settings('crumbs')
    const reading = task('readSharedAndPass', gate.memory)
    const futures = [0, 1].map(() => executor[submitRemote](reading, {}, { shared: [jar] }))
    await gate.arrived(2)
    gate.open()
    for (const future of futures) expect(await future.result()).toMatchObject([{ value: 'crumbs', uses: 1 }])
    expect(jar.reads).toBe(2)
  })

  test('go to a new thread again', async () => {
    const executor = open({ threads: 1 })
    const jar = new Settings('crumbs')
    await executor[submitRemote](read(), {}, { shared: [jar] }).result()
    await executor.submit(fixture('crash-tasks.mjs', 'exit', 1)).exception()
    expect(await executor[submitRemote](read(), {}, { shared: [jar] }).result()).toMatchObject([
      { value: 'crumbs', uses: 1 },
    ])
  })

  test('that can not be cloned reject the future, and are tried again', async () => {
    const executor = open({ threads: 1 })
    const jar = new Settings(() => 1)
    const link = { shared: [jar] }
    expect(await executor[submitRemote](read(), {}, link).exception()).toBeInstanceOf(TaskNotCloneableError)
    jar.change('crumbs')
    expect(await executor[submitRemote](read(), {}, link).result()).toMatchObject([{ value: 'crumbs' }])
  })

  test('are forgotten in the threads when they are garbage here', async () => {
    const executor = open({ threads: 1 })
    await (async () => {
      const shared = [new Settings('short-lived')]
      await executor[submitRemote](task('referToShared'), {}, { shared }).result()
    })()
    let live = 1
    while (live > 0) {
      ;(globalThis as unknown as { gc(): void }).gc()
      live = (await executor.submit(task('liveReferences')).result()) as number
    }
  })
})

test('[submitRemote]() names the arguments in the path as the link says', () => {
  const executor = open()
  const request = { hooks: { response: [() => 1] } }
  const submit = () => executor[submitRemote](task('count', request), {}, { argNames: [''] })
  expect(submit).toThrow(expect.objectContaining({ path: 'hooks.response[0]' }))
})
