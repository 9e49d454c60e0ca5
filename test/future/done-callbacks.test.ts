import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import type { FutureController } from '../../src/future/future-controller.ts'
import { runSource } from '../helpers/run-source.ts'
import { straysOf } from '../helpers/strays.ts'
import { controllerIn, futureIn } from './states.ts'

type Settle = (controller: FutureController<string>) => unknown

const settlements: [string, Settle][] = [
  ['fulfilled', (controller) => controller.resolve('value')],
  ['rejected', (controller) => controller.reject('error')],
  ['cancelled', (controller) => controller.future.cancel()],
]

describe('Future.addDoneCallback()', () => {
  test.each(settlements)('calls back with the future, synchronously, when it is %s', (state, settle) => {
    const controller = controllerIn('running')
    const seen: unknown[] = []
    controller.future.addDoneCallback((future) => seen.push(future, future.state))
    settle(controller)
    expect(seen).toEqual([controller.future, state])
  })

  test.each(['fulfilled', 'rejected', 'cancelled'] as const)('calls back at once when it is %s already', (state) => {
    const future = futureIn(state)
    const seen: unknown[] = []
    const remove = future.addDoneCallback((each) => seen.push(each))
    expect(seen).toEqual([future])
    remove()
  })

  // One, a few and many are kept in different ways.
  test.each([1, 2, 8, 9, 100])('calls %i of them in the order added, each once', (count) => {
    const controller = controllerIn('running')
    const calls: number[] = []
    for (let index = 0; index < count; index++) controller.future.addDoneCallback(() => calls.push(index))
    controller.resolve('value')
    expect(calls).toEqual(Array.from({ length: count }, (_, index) => index))
  })

  test('calls a function as often as it was added', () => {
    const controller = controllerIn('running')
    let calls = 0
    const count = (): unknown => calls++
    controller.future.addDoneCallback(count)
    const remove = controller.future.addDoneCallback(count)
    controller.future.addDoneCallback(count)
    remove()
    controller.resolve('value')
    expect(calls).toBe(2)
  })

  test.each([1, 2, 3, 8, 12])('returns what removes it: one of %i', (count) => {
    for (let removed = 0; removed < count; removed++) {
      const controller = controllerIn('running')
      const calls: number[] = []
      const removers = Array.from({ length: count }, (_, index) =>
        controller.future.addDoneCallback(() => calls.push(index)),
      )
      removers[removed]?.()
      removers[removed]?.()
      controller.resolve('value')
      removers[removed]?.()
      expect(calls).toEqual(Array.from({ length: count }, (_, index) => index).filter((index) => index !== removed))
    }
  })

  test.each([2, 12])('may remove one that comes later (of %i), and one that was called', (count) => {
    const controller = controllerIn('running')
    const calls: number[] = []
    const removers = Array.from({ length: count }, (_, index) =>
      controller.future.addDoneCallback(() => {
        calls.push(index)
        if (index === 0) removers[1]?.()
        if (index === 2) removers[0]?.()
      }),
    )
    controller.resolve('value')
    expect(calls).toEqual(Array.from({ length: count }, (_, index) => index).filter((index) => index !== 1))
  })

  test('calls one at once that is added by another', () => {
    const controller = controllerIn('running')
    const calls: string[] = []
    controller.future.addDoneCallback((future) => {
      future.addDoneCallback(() => calls.push('inner'))
      calls.push('first')
    })
    controller.future.addDoneCallback(() => calls.push('second'))
    controller.resolve('value')
    expect(calls).toEqual(['inner', 'first', 'second'])
  })

  test('lets a callback read the outcome, cancel in vain and settle others', () => {
    const [controller, other] = [controllerIn('running'), controllerIn('running')]
    const seen: unknown[] = []
    other.future.addDoneCallback((future) => seen.push(future.resultNow()))
    controller.future.addDoneCallback((future) => {
      seen.push(future.cancel(), future.resultNow())
      other.resolve('other value')
    })
    controller.resolve('value')
    expect(seen).toEqual([false, 'value', 'other value'])
  })

  test('runs each in the async context of whoever added it', () => {
    const storage = new AsyncLocalStorage<string>()
    const controller = controllerIn('running')
    const seen: unknown[] = []
    for (const user of ['a', 'b']) {
      storage.run(user, () => {
        controller.future.addDoneCallback(() => seen.push(storage.getStore()))
        controller.onCancel(() => seen.push(`${storage.getStore()} told`))
      })
    }
    storage.run('somebody else', () => controller.future.cancel())
    storage.run('c', () => controller.future.addDoneCallback(() => seen.push(storage.getStore())))
    expect(seen).toEqual(['a told', 'b told', 'a', 'b', 'c'])
  })

  test.each([undefined, null, 1, {}])('refuses %o', (fn) => {
    expect(() => futureIn('pending').addDoneCallback(fn as never)).toThrow(TypeError)
    expect(() => futureIn('fulfilled').addDoneCallback(fn as never)).toThrow(
      /^Expected a done callback to be a function/,
    )
  })
})

/** The program collects what is thrown where nobody can catch it, and prints it with what it noted itself. */
const collecting = `
  import { FutureController } from './src/future/future-controller.ts'
  import { Future } from './src/future/future.ts'
  import { asCompleted } from './src/future/as-completed.ts'
  import { wait } from './src/future/combine.ts'
  const notes: unknown[] = []
  process.on('uncaughtException', (error, origin) => notes.push(origin + ': ' + (error?.message ?? String(error))))
  process.on('unhandledRejection', (error: any) => notes.push('unhandledRejection: ' + (error?.message ?? String(error))))
  process.on('exit', () => console.log(JSON.stringify(notes)))
  const turn = () => new Promise((resolve) => setImmediate(resolve))
`

async function notesOf(code: string): Promise<unknown> {
  const { stdout, stderr, code: exitCode } = await runSource(collecting + code)
  expect([stderr, exitCode]).toEqual(['', 0])
  return JSON.parse(stdout)
}

describe('A callback that throws', () => {
  test('stops neither the others nor the settling code, and becomes an uncaughtException', async () => {
    const notes = await notesOf(`
      const controller = new FutureController()
      controller.future.addDoneCallback(() => { throw new Error('first') })
      controller.future.addDoneCallback(() => { notes.push('second') })
      controller.future.addDoneCallback(async () => { throw new Error('async') })
      controller.future.addDoneCallback(() => ({ then(_: unknown, reject: (error: Error) => void) { reject(new Error('thenable')) } }))
      controller.future.addDoneCallback(() => { notes.push('last') })
      notes.push(controller.resolve('value'))
      await turn()
      controller.future.addDoneCallback(() => { throw new Error('late') })
      notes.push('after late')
      await turn()
    `)
    expect(notes).toEqual([
      'second',
      'last',
      true,
      'uncaughtException: first',
      'uncaughtException: thenable',
      'uncaughtException: async',
      'after late',
      'uncaughtException: late',
    ])
  })

  test('is told from one that returns a promise or anything else', async () => {
    const strays = await straysOf(() => {
      const controller = controllerIn('running')
      const results: any[] = [undefined, null, 1, {}, { then: 1 }, Promise.resolve(1), futureIn('rejected')]
      for (const result of results) controller.future.addDoneCallback(() => result)
      controller.future.addDoneCallback(() => Promise.reject(new Error('promise')) as never)
      controller.future.addDoneCallback(() => {
        throw new Error('thrown')
      })
      controller.resolve('value')
    })
    expect(strays).toEqual([new Error('thrown'), new Error('promise')])
  })

  test('cancel() never throws: neither for onCancel functions, nor abort listeners, nor done callbacks', async () => {
    const notes = await notesOf(`
      const controller = new FutureController()
      controller.onCancel(() => { throw new Error('onCancel') })
      controller.onCancel(() => { notes.push('told') })
      controller.onCancel(async () => { throw new Error('async onCancel') })
      controller.future.signal.addEventListener('abort', () => { throw new Error('listener') })
      controller.future.addDoneCallback(() => { throw new Error('callback') })
      notes.push(controller.future.cancel())
      await turn()
    `)
    expect((notes as string[]).slice(0, 2)).toEqual(['told', true])
    expect(new Set((notes as string[]).slice(2))).toEqual(
      new Set(['onCancel', 'async onCancel', 'listener', 'callback'].map((name) => `uncaughtException: ${name}`)),
    )
  })
})

describe('A failure that nobody asks for', () => {
  test('is never an unhandledRejection, whatever else is done with the future', async () => {
    const notes = await notesOf(`
      const failed = () => {
        const controller = new FutureController()
        queueMicrotask(() => controller.reject(new Error('unasked')))
        return controller.future
      }
      failed()
      failed().addDoneCallback(() => {})
      failed().signal
      await wait([failed(), failed()])
      await wait([failed(), new Future()], { returnWhen: 'FIRST_EXCEPTION' })
      for await (const each of asCompleted([failed(), failed()])) notes.push(each.state)
      await Future.any([failed(), failed()]).catch((error) => notes.push(error.name))
      await Future.all([failed(), failed(), new Future()]).catch((error) => notes.push(error.message))
      const cancelled = failed()
      cancelled.cancel(new Error('reason'))
      await turn()
    `)
    expect(notes).toEqual(['rejected', 'rejected', 'AggregateError', 'unasked'])
  })

  test('is one as soon as somebody asks and looks away', async () => {
    const notes = await notesOf(`
      const controller = new FutureController()
      void controller.future.result()
      controller.reject(new Error('asked'))
      await turn()
    `)
    expect(notes).toEqual(['unhandledRejection: asked'])
  })
})
