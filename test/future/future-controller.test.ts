import { describe, expect, test } from 'vitest'
import { InvalidStateError } from '../../src/errors.ts'
import { checkController, FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { controllerIn, states } from './states.ts'

describe('FutureController', () => {
  test('makes a pending future, or controls a given one', () => {
    class OwnFuture extends Future<number> {}
    const own = new OwnFuture()
    expect(new FutureController().future.state).toBe('pending')
    const controller = new FutureController(own)
    controller.resolve(1)
    expect(controller.future).toBe(own)
    expect(own.resultNow()).toBe(1)
  })

  test('.start() makes a pending future running, and returns true', () => {
    const controller = controllerIn('pending')
    expect(controller.start()).toBe(true)
    expect(controller.future.state).toBe('running')
  })

  test('.start() returns false for a cancelled future', () => {
    expect(controllerIn('cancelled').start()).toBe(false)
  })

  test.each(['running', 'fulfilled', 'rejected'] as const)('.start() of a %s future throws', (state) => {
    const controller = controllerIn(state)
    expect(() => controller.start()).toThrow(InvalidStateError)
    expect(() => controller.start()).toThrow(`Can't start a future that is ${state}`)
    expect(controller.future.state).toBe(state)
  })

  test.each(['pending', 'running'] as const)(
    '.resolve() and .reject() settle a %s future, and return true',
    (state) => {
      const [first, second] = [controllerIn(state), controllerIn(state)]
      expect(first.resolve('value')).toBe(true)
      expect(second.reject('error')).toBe(true)
      expect([first.future.state, second.future.state]).toEqual(['fulfilled', 'rejected'])
    },
  )

  test('.resolve() and .reject() return false for a cancelled future', () => {
    const controller = controllerIn('cancelled')
    expect(controller.resolve('late')).toBe(false)
    expect(controller.reject('late')).toBe(false)
    expect(controller.future.state).toBe('cancelled')
  })

  test.each(['fulfilled', 'rejected'] as const)('.resolve() and .reject() of a %s future throw', (state) => {
    const controller = controllerIn(state)
    expect(() => controller.resolve('again')).toThrow(InvalidStateError)
    expect(() => controller.reject('again')).toThrow(`Can't settle a future that is ${state}`)
    expect(controller.future.state).toBe(state)
  })

  test('.resolve() does not unwrap its value', () => {
    const controller = new FutureController<unknown>()
    const promise = Promise.resolve(1)
    controller.resolve(promise)
    expect(controller.future.resultNow()).toBe(promise)
  })

  test('.resolve() has run the callbacks when it returns', () => {
    const controller = controllerIn('running')
    let isDone = false
    controller.future.addDoneCallback(() => (isDone = true))
    controller.resolve('value')
    expect(isDone).toBe(true)
  })

  test('methods can be taken off a subclass that calls super', () => {
    class Counting extends FutureController<number> {
      calls = 0
      override resolve(value: number): boolean {
        this.calls++
        return super.resolve(value)
      }
    }
    const controller = new Counting()
    controller.resolve(1)
    expect([controller.calls, controller.future.resultNow()]).toEqual([1, 1])
  })
})

describe('FutureController.onCancel()', () => {
  test('calls back once, with the reason, when the future is cancelled', () => {
    const controller = controllerIn('running')
    const reasons: unknown[] = []
    controller.onCancel((reason) => reasons.push(reason))
    controller.future.cancel('why')
    controller.future.cancel('again')
    expect(reasons).toEqual(['why'])
  })

  test('calls any number of functions, in order, and takes handlers as well', () => {
    const controller = controllerIn('pending')
    const calls: unknown[] = []
    controller.onCancel(() => calls.push(1))
    controller.onCancel({ handleCancel: (reason) => calls.push(reason) })
    controller.onCancel(() => calls.push(3))
    controller.future.cancel('two')
    expect(calls).toEqual([1, 'two', 3])
  })

  test('calls back at once if it was cancelled already', () => {
    const reasons: unknown[] = []
    const controller = controllerIn('cancelled')
    controller.onCancel((reason) => reasons.push(reason))
    expect(reasons).toEqual(['reason'])
  })

  test.each(['fulfilled', 'rejected'] as const)('never calls back for a %s future', (state) => {
    const early = controllerIn('running')
    early.onCancel(() => expect.unreachable())
    if (state === 'fulfilled') early.resolve('value')
    else early.reject('error')
    early.future.cancel()
    controllerIn(state).onCancel(() => expect.unreachable())
  })

  test('registered by somebody who is being told calls back at once', () => {
    const controller = controllerIn('running')
    const calls: string[] = []
    controller.onCancel(() => controller.onCancel(() => calls.push('inner')))
    controller.onCancel(() => calls.push('outer'))
    controller.future.cancel()
    expect(calls).toEqual(['inner', 'outer'])
  })

  test.each([undefined, null, 1, 'fn', {}])('refuses %o', (fn) => {
    expect(() => controllerIn('pending').onCancel(fn as never)).toThrow(TypeError)
    expect(() => controllerIn('pending').onCancel(fn as never)).toThrow('Expected a cancel callback to be a function')
  })
})

describe('checkController()', () => {
  test.each(states)('accepts one with a %s future', (state) => {
    expect(() => checkController(controllerIn(state))).not.toThrow()
  })

  test.each([null, undefined, 1, {}, { future: {} }, { future: null }])('refuses %o', (value) => {
    expect(() => checkController(value)).toThrow(/^Expected `controller` to be a FutureController, got /)
  })
})
