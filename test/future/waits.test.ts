import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TimeoutError } from '../../src/errors.ts'
import { asCompleted } from '../../src/future/as-completed.ts'
import type { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import type { WaitOptions } from '../../src/future/waiting.ts'
import { wait } from '../../src/future/combine.ts'
import { runSource } from '../helpers/run-source.ts'
import { controllerIn, controllers, futureIn, rejection, timerCount } from './states.ts'

/** Every way to wait for futures, as a promise. */
const waits: [name: string, start: (future: Future<string>, options?: WaitOptions) => Promise<unknown>][] = [
  ['future.result()', (future, options) => future.result(options)],
  ['future.exception()', (future, options) => future.exception(options)],
  ['wait()', (future, options) => wait([future], options)],
  ['asCompleted().next()', async (future, options) => asCompleted([future], options).next()],
  ['Future.all()', (future, options) => Future.all([future], options)],
  ['Future.any()', (future, options) => Future.any([future], options)],
]

const listenerCount = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

describe.each(waits)('%s', (name, start) => {
  test.each([undefined, {}, { timeout: undefined }, { timeout: null }, { timeout: Infinity }, { signal: undefined }])(
    'waits for ever with %o, and needs no timer',
    async (options) => {
      const controller = controllerIn('running')
      const timers = timerCount()
      const waiting = start(controller.future, options)
      await Promise.resolve()
      expect(timerCount()).toBe(timers)
      controller.resolve('value')
      await waiting
    },
  )

  test.each([NaN, '1', {}, true, 1n])('rejects with a TypeError for `timeout` %o', async (timeout) => {
    const error = await rejection(start(futureIn('fulfilled'), { timeout } as never))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/^Expected `timeout` to be a number of milliseconds or null, got /)
  })

  test.each([null, 1, 'abort', {}, new AbortController()])(
    'rejects with a TypeError for `signal` %o',
    async (signal) => {
      const error = await rejection(start(futureIn('fulfilled'), { signal } as never))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.message).toMatch(/^Expected `signal` to be an AbortSignal, got /)
    },
  )

  test.each([null, 1, 'timeout'])('rejects with a TypeError for options %o', async (options) => {
    const error = await rejection(start(futureIn('fulfilled'), options as never))
    expect(error.message).toMatch(/^Expected wait options to be an object, got /)
  })

  test('rejects with the reason of a signal that aborts, whatever it is, and leaves the future as it is', async () => {
    for (const reason of [new Error('stop'), 'stop', null, 0]) {
      const controller = controllerIn('running')
      const abort = new AbortController()
      const waiting = rejection(start(controller.future, { signal: abort.signal }))
      await Promise.resolve()
      abort.abort(reason)
      expect(await waiting).toBe(reason)
      expect(controller.future.state).toBe('running')
      expect(listenerCount(abort.signal)).toBe(0)
      expect(controller.resolve('value')).toBe(true)
    }
  })

  test('rejects with the reason of a signal that has aborted already', async () => {
    const future = futureIn('pending')
    expect(await rejection(start(future, { signal: AbortSignal.abort('before') }))).toBe('before')
    expect(await rejection(start(future, { signal: AbortSignal.abort('before'), timeout: 0 }))).toBe('before')
    expect(future.state).toBe('pending')
  })

  test('prefers an outcome that is there to a signal that has aborted and a timeout of 0', async () => {
    const options = { signal: AbortSignal.abort('before'), timeout: 0 }
    await start(futureIn('fulfilled'), options)
    const controller = controllerIn('running')
    const abort = new AbortController()
    const waiting = start(controller.future, { signal: abort.signal })
    await Promise.resolve()
    controller.resolve('value')
    abort.abort('too late')
    await waiting
  })

  test('leaves neither timer nor listener when it is over', async () => {
    const { signal } = new AbortController()
    const timers = timerCount()
    for (const settle of [
      (controller: FutureController<string>) => controller.resolve('value'),
      (controller: FutureController<string>) => controller.reject('error'),
      (controller: FutureController<string>) => controller.future.cancel(),
    ]) {
      const controller = controllerIn('running')
      const waiting = start(controller.future, { timeout: 60_000, signal })
      await Promise.resolve()
      expect(timerCount()).toBe(timers + 1)
      expect(listenerCount(signal)).toBe(1)
      settle(controller)
      await waiting.catch(() => {})
      expect(timerCount()).toBe(timers)
      expect(listenerCount(signal)).toBe(0)
    }
  })

  test('keeps one listener on a signal, however many wait', async () => {
    const abort = new AbortController()
    const all = controllers(1_000)
    const waiting = all.map(({ future }) => rejection(start(future, { signal: abort.signal })))
    await Promise.resolve()
    expect(listenerCount(abort.signal)).toBe(1)
    abort.abort('stop')
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['stop']))
    expect(listenerCount(abort.signal)).toBe(0)
    expect(all.every(({ future }) => future.pending())).toBe(true)
  })

  test('takes the last of 1 000 off the signal before its listener goes', async () => {
    const { signal } = new AbortController()
    const all = controllers(1_000)
    const waiting = all.map(({ future }) => start(future, { signal }))
    await Promise.resolve()
    for (const [index, controller] of all.entries()) {
      expect(listenerCount(signal)).toBe(1)
      controller.resolve(`value ${index}`)
    }
    expect(listenerCount(signal)).toBe(0)
    await Promise.all(waiting)
  })

  test('with a timeout longer than a timer can be does not end at once', async () => {
    const controller = controllerIn('running')
    const waiting = start(controller.future, { timeout: 2 ** 40 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    controller.resolve(name)
    await waiting
  })
})

describe.each(waits.filter(([name]) => name !== 'wait()'))('%s', (_name, start) => {
  test.each([0, -1, -Infinity])('only looks with `timeout` %o', async (timeout) => {
    await start(futureIn('fulfilled'), { timeout })
    const future = futureIn('running')
    const timers = timerCount()
    const error = await rejection(start(future, { timeout }))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.scope).toBe('wait')
    expect(future.state).toBe('running')
    expect(timerCount()).toBe(timers)
  })

  test('rejects with a TimeoutError when the time is up, and leaves the future as it is', async () => {
    const controller = controllerIn('running')
    const { signal } = new AbortController()
    const begin = performance.now()
    const error = await rejection(start(controller.future, { timeout: 20, signal }))
    expect(performance.now() - begin).toBeGreaterThanOrEqual(20)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT', scope: 'wait' })
    expect(controller.future.state).toBe('running')
    expect(listenerCount(signal)).toBe(0)
    expect(controller.resolve('value')).toBe(true)
  })
})

describe('Several waits for one future', () => {
  test('end each by itself', async () => {
    const controller = controllerIn('running')
    const abort = new AbortController()
    const patient = [controller.future.result(), controller.future.exception()]
    const impatient = rejection(controller.future.result({ timeout: 5 }))
    const aborted = rejection(controller.future.result({ signal: abort.signal }))
    abort.abort('stop')
    expect(await aborted).toBe('stop')
    expect(await impatient).toBeInstanceOf(TimeoutError)
    controller.resolve('value')
    expect(await Promise.all(patient)).toEqual(['value', undefined])
  })

  test('100 000 that ran out leave nothing on it', async () => {
    const controller = controllerIn('running')
    const errors = await Promise.all(
      Array.from({ length: 100_000 }, () => rejection(controller.future.result({ timeout: 0 }))),
    )
    expect(errors.every((error) => error instanceof TimeoutError)).toBe(true)
    const abort = new AbortController()
    const waiting = Array.from({ length: 100_000 }, () => controller.future.result({ signal: abort.signal }))
    abort.abort('stop')
    expect((await Promise.allSettled(waiting)).every(({ status }) => status === 'rejected')).toBe(true)
    controller.resolve('value')
  })
})

test('A wait that is over, in whichever way, leaves nothing that keeps the process alive', async () => {
  const { stdout, stderr, code } = await runSource(`
    import { FutureController } from './src/future/future-controller.ts'
    import { Future } from './src/future/future.ts'
    import { asCompleted } from './src/future/as-completed.ts'
    import { wait } from './src/future/combine.ts'
    const ways = [
      (future, options) => future.result(options),
      (future, options) => wait([future], options),
      (future, options) => asCompleted([future], options).next(),
      (future, options) => Future.all([future], options),
      (future, options) => Future.any([future], options),
    ]
    const abort = new AbortController()
    const all = ways.flatMap((way) => {
      const settled = new FutureController()
      const promises = [
        way(settled.future, { timeout: 60_000, signal: abort.signal }),
        way(new Future(), { timeout: 10 }),
        way(new Future(), { timeout: 60_000, signal: abort.signal }),
      ]
      setTimeout(() => settled.resolve(), 5)
      return promises
    })
    setTimeout(() => abort.abort(), 15)
    await Promise.allSettled(all)
    const left = asCompleted([new Future()], { timeout: 60_000 })
    void left.next()
    await left.return()
    console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')))
  `)
  expect([stderr, code]).toEqual(['', 0])
  expect(JSON.parse(stdout)).toEqual([])
})

describe('The clock of a wait', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('is exact beyond what a timer can hold', async () => {
    const timeout = 3 * 2 ** 31
    let isOver = false
    const waiting = rejection(futureIn('running').result({ timeout })).finally(() => (isOver = true))
    await vi.advanceTimersByTimeAsync(timeout - 1)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(2)
    expect(await waiting).toBeInstanceOf(TimeoutError)
  })
})
