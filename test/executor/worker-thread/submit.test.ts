import { open as openFile } from 'node:fs/promises'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { TaskNotCloneableError } from '../../../src/errors.ts'
import { taskReference } from '../../../src/task-reference.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { madeThreads } from '../../helpers/thread-watch.ts'

closeExecutorsAfterEach()

const result = (name: string, ...args: unknown[]) => fixture<any>('result-tasks.mjs', name, ...args)

describe('WorkerThreadExecutor.submit()', () => {
  test('calls the export with the arguments and a context, in another thread', async () => {
    const executor = open()
    expect(await executor.submit(result('describeCall', 1, new Date())).result()).toEqual([
      '[object Number]',
      '[object Date]',
      '[object Object]',
    ])
    expect(await executor.submit(result('whichThread')).result()).toBeGreaterThan(0)
  })

  test('takes async functions, default exports and bare module names', async () => {
    const executor = open()
    expect(await executor.submit(fixture('arithmetic-tasks.mjs', 'addLater', 2, 3)).result()).toBe(5)
    expect(await executor.submit(fixture('arithmetic-tasks.mjs', 'default', 2, 3)).result()).toBe(6)
    expect(await executor.submit(taskReference('node:url', 'fileURLToPath', 'file:///a/b')).result()).toBe('/a/b')
    expect(await executor.submit(taskReference('esbuild', 'analyzeMetafileSync', '{')).exception()).toBeInstanceOf(
      Error,
    )
  })

  test('clones any cloneable value, there and back', async () => {
    const cyclic: Record<string, unknown> = { name: 'cyclic' }
    cyclic.self = cyclic
    const values = [undefined, null, 12n, new Map([[{ a: 1 }, new Set([2])]]), /x/g, new Uint8Array([1]), cyclic]
    const futures = values.map((value) => open().submit(result('echo', value)))
    for (const [index, future] of futures.entries()) expect(await future.result()).toEqual(values[index])
  })

  test.skipIf(!(process.features as { typescript?: unknown }).typescript)(
    'runs TypeScript modules where Node does',
    async () => {
      expect(
        await open()
          .submit(fixture('typed-tasks.ts', 'shout', 'quiet'))
          .result(),
      ).toBe('QUIET')
    },
  )

  test('keeps the state of modules, one for each thread', async () => {
    const executor = open({ threads: 1 })
    const futures = Array.from({ length: 3 }, () => executor.submit(result('count')))
    expect(await Promise.all(futures.map((future) => future.result()))).toEqual([1, 2, 3])
  })

  test.each([
    ['a module that does not exist', fixture('no-such-file.mjs', 'echo'), /no-such-file/],
    ['a package that does not exist', taskReference('no-such-package-anywhere', 'echo'), /no-such-package-anywhere/],
    ['a module that throws', fixture('throws-on-import.mjs', 'echo'), /while this module was loading/],
    [
      'a module with a syntax error',
      taskReference('data:text/javascript,export const broken =', 'broken'),
      /Unexpected/,
    ],
    ['an export that is missing', result('noSuchExport'), /to export a function `noSuchExport`/],
    ['an export that is no function', fixture('arithmetic-tasks.mjs', 'notAFunction'), /got `42`/],
  ])('rejects only the future of %s', async (_, reference, message) => {
    const executor = open({ threads: 1 })
    const neighbour = executor.submit(result('echo', 'fine'))
    await expect(executor.submit(reference).result()).rejects.toThrow(message)
    expect(await neighbour.result()).toBe('fine')
    expect(await executor.submit(result('echo', 'fine')).result()).toBe('fine')
    expect(executor.stats()).toMatchObject({ fulfilled: 2, rejected: 1 })
  })
})

describe('WorkerThreadExecutor.submit() refuses, naming the place', () => {
  test.each([
    ['a function', () => 1, 'task', /taskReference/],
    [
      'a function among the arguments',
      result('echo', { hooks: { response: [() => 1] } }),
      'args[0].hooks.response[0]',
      /function/,
    ],
    ['a function as the last argument', result('echo', 1, () => 1), 'args[1]', /function/],
    ['a promise', result('echo', { data: Promise.resolve() }), 'args[0].data', /a Promise/],
  ])('%s', (_, task, path, message) => {
    const executor = open()
    const before = madeThreads()
    const submit = () => executor.submit(task as never)
    expect(submit).toThrow(TaskNotCloneableError)
    expect(submit).toThrow(message)
    expect(submit).toThrow(/README/)
    expect(submit).toThrow(expect.objectContaining({ path }))
    expect(executor.stats()).toEqual({ pending: 0, running: 0, fulfilled: 0, rejected: 0, cancelled: 0 })
    expect(madeThreads()).toBe(before)
  })

  test('what is no task at all, and a transfer list that is none, with a TypeError', () => {
    const executor = open()
    expect(() => executor.submit({} as never)).toThrow(TypeError)
    expect(() => executor.submit({ ...result('echo'), transfer: 'everything' } as never)).toThrow(TypeError)
  })

  test('nothing more: what shows while posting rejects the future, with the place if it has one', async () => {
    const executor = open({ threads: 1 })
    const args: { fn?: unknown }[] = [{}]
    const future = executor.submit({ ...result('echo'), args })
    args[0]!.fn = () => 1
    const error = await future.exception()
    expect(error).toBeInstanceOf(TaskNotCloneableError)
    expect(error).toMatchObject({ path: 'args[0].fn', cause: { name: 'DataCloneError' } })

    const throwing = Object.defineProperty({}, 'data', {
      enumerable: true,
      get() {
        throw new Error('not now')
      },
    })
    const other = await executor.submit(result('echo', throwing)).exception()
    expect(other).toBeInstanceOf(TaskNotCloneableError)
    expect(other).toMatchObject({ cause: { message: 'not now' } })
    expect(await executor.submit(result('echo', 1)).result()).toBe(1)
  })
})

describe('WorkerThreadExecutor.submit() with a transfer list', () => {
  test('moves what is in it', async () => {
    const view = new Uint8Array(100_000)
    const future = open().submit({ ...result('sizeOf', view), transfer: [view.buffer] })
    expect(view.byteLength).toBe(100_000)
    expect(await future.result()).toBe(100_000)
    expect(view.byteLength).toBe(0)
  })

  test('accepts what can only be moved', async () => {
    const { port1, port2 } = new MessageChannel()
    const message = new Promise((resolve) => port2.once('message', resolve))
    await open()
      .submit({ ...result('answerOn', port1, 'hello'), transfer: [port1] })
      .result()
    expect(await message).toBe('hello')
  })

  const moved = <T extends object>(value: T, transfer: readonly unknown[] = [value]): T => {
    structuredClone(value, { transfer: transfer as ArrayBuffer[] })
    return value
  }
  const makeBuffer = (): ArrayBuffer => new ArrayBuffer(8)
  const resizable = (): ArrayBuffer =>
    new (ArrayBuffer as new (bytes: number, options: object) => ArrayBuffer)(4, { maxByteLength: 8 })
  const closedPort = (): MessagePort => {
    const { port1 } = new MessageChannel()
    port1.close()
    return port1
  }
  const locked = (): ReadableStream => {
    const stream = new ReadableStream()
    stream.getReader()
    return stream
  }
  const movedView = (): Uint8Array => {
    const view = new Uint8Array(8)
    return moved(view, [view.buffer])
  }
  const cases: [name: string, index: number, make: () => unknown[]][] = [
    ['a buffer that was moved before', 0, () => [moved(makeBuffer())]],
    ['one that was empty before it was moved', 0, () => [moved(new ArrayBuffer(0))]],
    ['a resizable one that was moved before', 0, () => [moved(resizable())]],
    ['the buffer of a view that was moved before', 0, () => [movedView().buffer]],
    ['one that was moved before among others', 1, () => [makeBuffer(), moved(makeBuffer()), makeBuffer()]],
    ['a buffer that is listed twice', 2, () => ((buffer) => [buffer, makeBuffer(), buffer])(makeBuffer())],
    ['a port that was moved before', 0, () => [moved(new MessageChannel().port1)]],
    ['a port that is closed', 0, () => [closedPort()]],
    ['a port that is listed twice', 1, () => ((port) => [port, port])(new MessageChannel().port1)],
    ['a readable stream that was moved before', 0, () => [moved(new ReadableStream())]],
    ['a writable stream that was moved before', 0, () => [moved(new WritableStream())]],
    ['a transform stream that was moved before', 0, () => [moved(new TransformStream())]],
    ['a stream that somebody reads', 0, () => [locked()]],
  ]

  test.each(cases)('refuses %s at once', (_name, index, make) => {
    const executor = open()
    const before = madeThreads()
    const transfer = make()
    const path = `transfer[${index}]`
    const submit = (): unknown => executor.submit({ ...result('echo', 1), transfer })
    expect(submit).toThrow(TaskNotCloneableError)
    expect(submit).toThrow(`\`${path}\` is `)
    expect(submit).toThrow("which can't be moved")
    expect(submit).toThrow(expect.objectContaining({ path }))
    expect(executor.stats().pending).toBe(0)
    expect(madeThreads()).toBe(before)
  })

  test('refuses a file handle that was closed', async () => {
    const handle = await openFile(new URL(import.meta.url))
    await handle.close()
    const submit = (): unknown => open().submit({ ...result('echo', handle), transfer: [handle] })
    expect(submit).toThrow(expect.objectContaining({ name: 'TaskNotCloneableError', path: 'transfer[0]' }))
  })

  test.each([
    ['itself', () => moved(makeBuffer()), 'args[0]'],
    ['as a view', movedView, 'args[0]'],
    [
      'deep inside',
      () => ({ list: [{ view: new DataView(makeBuffer()) }, { view: movedView() }] }),
      'args[0].list[1].view',
    ],
  ])('refuses an argument whose bytes were moved before: %s', (_name, make, path) => {
    const submit = (): unknown => open().submit(result('echo', make()))
    expect(submit).toThrow(expect.objectContaining({ name: 'TaskNotCloneableError', path }))
  })

  test('takes what several arguments share, is empty, or is not among them', async () => {
    const executor = open()
    const buffer = makeBuffer()
    const views = [new Uint8Array(buffer), new DataView(buffer)]
    const both = await executor.submit({ ...result('echo', views), transfer: [buffer] }).result()
    expect(both.map((each: Uint8Array) => each.byteLength)).toEqual([8, 8])
    expect(buffer.byteLength).toBe(0)
    const empty = new ArrayBuffer(0)
    expect(await executor.submit({ ...result('sizeOf', empty), transfer: [empty] }).result()).toBe(0)
    const { port1 } = new MessageChannel()
    expect(await executor.submit({ ...result('echo', 1), transfer: [port1] }).result()).toBe(1)
  })

  test.each<[name: string, make: () => [value: object, transfer: unknown[]]]>([
    ['buffer', () => ((buffer) => [buffer, [buffer]])(makeBuffer())],
    ['port', () => ((port) => [port, [port]])(new MessageChannel().port1)],
    ['stream', () => ((stream) => [stream, [stream]])(new ReadableStream())],
  ])('rejects the future of one whose %s another task, submitted before, has taken along', async (_name, make) => {
    const executor = open({ threads: 1 })
    const [value, transfer] = make()
    const task = { ...result('describeCall', value), transfer }
    const [first, second] = [executor.submit(task), executor.submit(task)]
    expect(await first.result()).toHaveLength(2)
    expect(await second.exception()).toMatchObject({ name: 'TaskNotCloneableError', path: 'transfer[0]' })
    expect(await executor.submit(result('echo', 1)).result()).toBe(1)
  })

  test('rejects the future of what can not be moved', async () => {
    const executor = open()
    const view = new Uint8Array(10)
    const first = executor.submit({ ...result('sizeOf', view), transfer: [view.buffer] })
    const second = executor.submit({ ...result('sizeOf', view), transfer: [view.buffer] })
    expect(await first.result()).toBe(10)
    expect(await second.exception()).toBeInstanceOf(TaskNotCloneableError)
    const hostile = Object.defineProperty({}, 'fd', {
      get() {
        throw new Error('not for you')
      },
    })
    for (const no of ['no', null, {}, new Uint8Array(8), new SharedArrayBuffer(8), hostile]) {
      const error = await executor.submit({ ...result('echo'), transfer: [no] }).exception()
      expect(error).toBeInstanceOf(TaskNotCloneableError)
    }
  })
})

describe('WorkerThreadExecutor results', () => {
  const large = 64 * 1024

  test.each(['giveBuffer', 'giveView', 'giveObject', 'giveList'])('of 64 KiB and more are moved: %s', async (name) => {
    const executor = open({ threads: 1 })
    const value = await executor.submit(result(name, large)).result()
    expect(JSON.stringify(value).length).toBeGreaterThan(1)
    expect(await executor.submit(result('bytesLeft')).result()).toEqual([0])
  })

  test.each([
    ['smaller ones', 'giveView', large - 1],
    ['deeper ones', 'giveDeep', large],
    ['parts of a buffer', 'givePart', large],
    ['buffers that are marked as untransferable', 'giveKept', large],
  ])('are copied: %s', async (_, name, bytes) => {
    const executor = open({ threads: 1 })
    await executor.submit(result(name, bytes)).result()
    expect(await executor.submit(result('bytesLeft')).result()).toEqual([bytes])
  })

  test('are copied where the engine does not let go of the buffer', async () => {
    const view = await open().submit(result('giveWasmMemory')).result()
    expect([view.byteLength, view[0]]).toEqual([2 * large, 7])
  })

  test('that can not be cloned reject their future, with the place', async () => {
    const executor = open({ threads: 1 })
    const error = await executor.submit(result('giveFunction')).exception()
    expect(error).toBeInstanceOf(TaskNotCloneableError)
    expect(error).toMatchObject({ path: 'result.hooks[0]', cause: { name: 'DataCloneError' } })
    expect(await executor.submit(result('giveGetter')).exception()).toBeInstanceOf(Error)
    const beside = await executor.submit(result('giveBufferAndFunction', large)).exception()
    expect(beside).toMatchObject({ name: 'TaskNotCloneableError', path: 'result.parse' })
    expect(await executor.submit(result('bytesLeft')).result()).toEqual([large])
    expect(await executor.submit(result('echo', 1)).result()).toBe(1)
  })

  test('that can not be read here reject their future, and only that', async () => {
    const executor = open({ threads: 1 })
    const before = executor.submit(result('echo', 'before'))
    const unreadable = executor.submit(result('giveUnreadable'))
    const after = executor.submit(result('echo', 'after'))
    expect(await unreadable.exception()).toBeInstanceOf(TaskNotCloneableError)
    expect([await before.result(), await after.result()]).toEqual(['before', 'after'])
    expect(await executor.submit(result('count')).result()).toBe(1)
  })

  test('that were sent before the thread ended count', async () => {
    expect(await open({ threads: 1 }).submit(result('giveAndExit')).result()).toBe('the last result')
  })
})

test('WorkerThreadExecutor.submit() rejects only the future whose arguments can not be read in the thread', async () => {
  const executor = open({ threads: 1 })
  const blob = new Blob(['a'])
  const cloning = Object.getOwnPropertySymbols(Blob.prototype).find((each) => String(each).includes('messaging_clone'))
  const before = executor.submit(result('echo', 'before'))
  const unreadable = executor.submit(result('echo', [blob]))
  Object.assign(blob, { [cloning!]: () => ({ data: {}, deserializeInfo: 'no-such-module:NoSuchClass' }) })
  const after = executor.submit(result('echo', 'after'))
  expect(await unreadable.exception()).toBeInstanceOf(TaskNotCloneableError)
  expect([await before.result(), await after.result()]).toEqual(['before', 'after'])
})

test('WorkerThreadExecutor ignores what modules say on the port of their thread', async () => {
  const messages = [undefined, null, 'hello', { kind: 'unknown' }, 7]
  expect(
    await open()
      .submit(result('talkToParent', ...messages))
      .result(),
  ).toBe('done')
})
