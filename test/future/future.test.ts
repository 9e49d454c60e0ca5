import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { CancelledError, InvalidStateError } from '../../src/errors.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { controllerIn, futureIn, rejection, states } from './states.ts'

describe('Future', () => {
  test.each(states)('.state, pending(), running(), cancelled() and done() agree when it is %s', (state) => {
    const future = futureIn(state)
    expect(future.state).toBe(state)
    expect(future.pending()).toBe(state === 'pending')
    expect(future.running()).toBe(state === 'running')
    expect(future.cancelled()).toBe(state === 'cancelled')
    expect(future.done()).toBe(['fulfilled', 'rejected', 'cancelled'].includes(state))
  })

  test('is not thenable: async functions, generators and Promise.resolve hand it over', async () => {
    const future = futureIn('fulfilled')
    expect('then' in future).toBe(false)
    expect(await (async () => future)()).toBe(future)
    expect(await Promise.resolve(future)).toBe(future)
    async function* generator(): AsyncGenerator<Future<string>> {
      yield future
    }
    for await (const each of generator()) expect(each).toBe(future)
  })

  test('has no public way to settle it', () => {
    const names = Object.getOwnPropertyNames(Future.prototype)
    expect(names.filter((name) => /resolve|reject|start|set/.test(name))).toEqual([])
  })

  test('.result() types what the work returned', () => {
    expectTypeOf<Future<number>['result']>().returns.toEqualTypeOf<Promise<number>>()
    expectTypeOf<Future<number>['resultNow']>().returns.toEqualTypeOf<number>()
    expectTypeOf<Future<number>['exception']>().returns.toEqualTypeOf<Promise<unknown>>()
    expectTypeOf<Future<number>>().toExtend<Disposable>()
  })
})

describe('Future.cancel()', () => {
  test.each(['pending', 'running'] as const)('of a %s future cancels it at once and returns true', (state) => {
    const future = futureIn(state)
    expect(future.cancel()).toBe(true)
    expect(future.state).toBe('cancelled')
  })

  test('of a cancelled future returns true, keeps the first reason and runs no callback again', async () => {
    const future = futureIn('pending')
    let calls = 0
    future.addDoneCallback(() => calls++)
    future.cancel('first')
    expect(future.cancel('second')).toBe(true)
    expect(calls).toBe(1)
    expect((await rejection(future.result())).cause).toBe('first')
  })

  test.each(['fulfilled', 'rejected'] as const)('of a %s future returns false and changes nothing', async (state) => {
    const future = futureIn(state)
    const { signal } = future
    expect(future.cancel()).toBe(false)
    expect(future.state).toBe(state)
    expect(signal.aborted).toBe(false)
  })

  test('makes a CancelledError with the reason as its cause, one instance for the future', async () => {
    const future = futureIn('running')
    const before = future.result()
    future.cancel('enough')
    const error = await rejection(before)
    expect(error).toBeInstanceOf(CancelledError)
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })
    expect(await rejection(future.result())).toBe(error)
    expect(await rejection(future.exception())).toBe(error)
    expect(() => future.resultNow()).toThrow(error)
    expect(future.signal.reason).toBe(error)
    const another = futureIn('cancelled')
    expect(await rejection(another.result())).not.toBe(error)
  })

  test('without a reason makes an error without a cause', async () => {
    const future = futureIn('pending')
    future.cancel()
    expect('cause' in (await rejection(future.result()))).toBe(false)
  })

  test.each([null, 0, '', false])('keeps %o as the reason', async (reason) => {
    const future = futureIn('pending')
    future.cancel(reason)
    expect((await rejection(future.result())).cause).toBe(reason)
  })

  test('tells onCancel functions, then the signal, then done callbacks, all after the change of state', () => {
    const controller = controllerIn('running')
    const { future } = controller
    const told: unknown[] = []
    future.addDoneCallback(() => told.push(['done', future.state]))
    future.signal.addEventListener('abort', () => told.push(['signal', future.state]))
    controller.onCancel((reason) => told.push(['first', reason, future.state]))
    controller.onCancel((reason) => told.push(['second', reason, future.state]))
    future.cancel('why')
    expect(told).toEqual([
      ['first', 'why', 'cancelled'],
      ['second', 'why', 'cancelled'],
      ['signal', 'cancelled'],
      ['done', 'cancelled'],
    ])
  })

  test('makes what the work does afterwards nothing', async () => {
    const controllers = [controllerIn('cancelled'), controllerIn('cancelled'), controllerIn('cancelled')]
    expect(controllers[0]!.resolve('late')).toBe(false)
    expect(controllers[1]!.reject(new Error('late'))).toBe(false)
    expect(controllers[2]!.start()).toBe(false)
    expect(controllers.map(({ future }) => future.state)).toEqual(['cancelled', 'cancelled', 'cancelled'])
  })

  test('[Symbol.dispose]() is cancel()', () => {
    const [running, fulfilled] = [futureIn('running'), futureIn('fulfilled')]
    {
      using first = running
      using second = fulfilled
      expect([first.state, second.state]).toEqual(['running', 'fulfilled'])
    }
    expect([running.state, fulfilled.state]).toEqual(['cancelled', 'fulfilled'])
  })
})

describe('Future.result() and exception()', () => {
  test('give the value, and undefined for no error', async () => {
    const future = futureIn('fulfilled')
    expect(await future.result()).toBe('value')
    expect(await future.exception()).toBe(undefined)
    expect(future.resultNow()).toBe('value')
    expect(future.exceptionNow()).toBe(undefined)
  })

  test('throw, and give, the very error of the work', async () => {
    const error = new Error('own')
    const controller = controllerIn('running')
    const [result, exception] = [controller.future.result(), controller.future.exception()]
    controller.reject(error)
    expect(await rejection(result)).toBe(error)
    expect(await exception).toBe(error)
    expect(await rejection(controller.future.result())).toBe(error)
    expect(await controller.future.exception()).toBe(error)
    expect(() => controller.future.resultNow()).toThrow(error)
    expect(controller.future.exceptionNow()).toBe(error)
  })

  test.each([undefined, null, 0, '', false])('tell a failure with %o from a success', async (error) => {
    const controller = controllerIn('running')
    controller.reject(error)
    const { future } = controller
    expect(future.state).toBe('rejected')
    expect(await rejection(future.result())).toBe(error)
    expect(await future.exception()).toBe(error)
    expect(future.exceptionNow()).toBe(error)
    let thrown: unknown = 'nothing'
    try {
      future.resultNow()
    } catch (caught) {
      thrown = caught
    }
    expect(thrown).toBe(error)
  })

  test.each([undefined, null, 0, ''])('fulfil with %o', async (value) => {
    const controller = new FutureController<unknown>()
    controller.resolve(value)
    expect(await controller.future.result()).toBe(value)
    expect(controller.future.resultNow()).toBe(value)
  })

  test('reject with CancelledError when it was cancelled, both of them', async () => {
    const future = futureIn('cancelled')
    expect(await rejection(future.result())).toBeInstanceOf(CancelledError)
    expect(await rejection(future.exception())).toBeInstanceOf(CancelledError)
    expect(() => future.resultNow()).toThrow(CancelledError)
    expect(() => future.exceptionNow()).toThrow(CancelledError)
  })

  test.each(['pending', 'running'] as const)('the synchronous twins throw InvalidStateError while %s', (state) => {
    const future = futureIn(state)
    expect(() => future.resultNow()).toThrow(InvalidStateError)
    expect(() => future.resultNow()).toThrow(`Can't call resultNow(): the future is ${state}`)
    expect(() => future.exceptionNow()).toThrow(`Can't call exceptionNow(): the future is ${state}`)
  })

  test('make a promise of their own at each call', async () => {
    const future = futureIn('fulfilled')
    expect(future.result()).not.toBe(future.result())
    expect(future.result()).toBeInstanceOf(Promise)
  })
})

describe('Future.signal', () => {
  test('is made once, and not aborted while nobody cancels', () => {
    const controller = controllerIn('running')
    const { signal } = controller.future
    expect(controller.future.signal).toBe(signal)
    controller.resolve('value')
    expect(controller.future.signal).toBe(signal)
    expect(signal.aborted).toBe(false)
  })

  test('asked for after a cancellation it is aborted already, with the same error', async () => {
    const future = futureIn('cancelled')
    expect(future.signal.aborted).toBe(true)
    expect(future.signal.reason).toBe(await rejection(future.result()))
    expect(future.signal.reason.cause).toBe('reason')
  })

  test('asked for by somebody who hears of the cancellation it is aborted, and complete', () => {
    const controller = controllerIn('running')
    let signal: AbortSignal | undefined
    controller.onCancel(() => ({ signal } = controller.future))
    controller.future.cancel('why')
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason.cause).toBe('why')
  })
})

describe('util.inspect(future)', () => {
  test.each([
    [futureIn('pending'), 'Future { <pending> }'],
    [futureIn('running'), 'Future { <running> }'],
    [futureIn('cancelled'), 'Future { <cancelled> }'],
    [fulfilledWith('secret'), 'Future { <fulfilled> string }'],
    [fulfilledWith({ token: 'secret' }), 'Future { <fulfilled> Object }'],
    [fulfilledWith(null), 'Future { <fulfilled> null }'],
    [fulfilledWith(undefined), 'Future { <fulfilled> undefined }'],
    [fulfilledWith(new Map([['secret', 1]])), 'Future { <fulfilled> Map }'],
    [fulfilledWith(Object.create(null)), 'Future { <fulfilled> Object }'],
    [rejectedWith(new RangeError('secret')), 'Future { <rejected> RangeError }'],
  ])('shows the state and the type, never the value: %#', (future, expected) => {
    expect(inspect(future)).toBe(expected)
    expect(inspect({ deep: { deeper: { future } } }, { depth: 5 })).not.toContain('secret')
  })

  test('colours the state where colours are asked for, and names subclasses', () => {
    class OwnFuture extends Future<number> {}
    expect(inspect(futureIn('pending'), { colors: true })).toBe('Future { \u001b[36m<pending>\u001b[39m }')
    expect(inspect(new OwnFuture())).toBe('OwnFuture { <pending> }')
    expect(Object.prototype.toString.call(new OwnFuture())).toBe('[object Future]')
  })
})

function fulfilledWith(value: unknown): Future<unknown> {
  const controller = new FutureController<unknown>()
  controller.resolve(value)
  return controller.future
}

function rejectedWith(error: unknown): Future<unknown> {
  const controller = new FutureController<unknown>()
  controller.reject(error)
  return controller.future
}
