import { describe, expect, test } from 'vitest'
import { FutureController } from '../../src/future/future-controller.ts'
import type { Future } from '../../src/future/future.ts'
import { isFuture, subscribe, unsubscribe } from '../../src/future/listeners.ts'
import { controllerIn, futureIn, states } from './states.ts'

class Listener {
  readonly seen: Future<unknown>[] = []

  handleDone(future: Future<unknown>): void {
    this.seen.push(future)
  }
}

describe('Future[subscribe]', () => {
  test('tells the listener once, synchronously with the settlement', () => {
    const controller = controllerIn('running')
    const listener = new Listener()
    controller.future[subscribe](listener)
    controller.resolve('value')
    controller.future.cancel()
    expect(listener.seen).toEqual([controller.future])
  })

  test('of a done future tells it at once', () => {
    const listener = new Listener()
    const future = futureIn('cancelled')
    future[subscribe](listener)
    expect(listener.seen).toEqual([future])
  })

  test('Future[unsubscribe] ends it, and is harmless otherwise', () => {
    const controller = controllerIn('running')
    const [listener, stranger] = [new Listener(), new Listener()]
    controller.future[unsubscribe](stranger)
    controller.future[subscribe](listener)
    controller.future[unsubscribe](stranger)
    controller.future[unsubscribe](listener)
    controller.resolve('value')
    controller.future[unsubscribe](listener)
    expect(listener.seen).toEqual([])
  })

  test('is known by registered symbols: two copies of the package understand each other', () => {
    expect(subscribe).toBe(Symbol.for('undici-futures.subscribe'))
    expect(unsubscribe).toBe(Symbol.for('undici-futures.unsubscribe'))
  })
})

describe('isFuture()', () => {
  test.each(states)('is true for a %s future', (state) => {
    expect(isFuture(futureIn(state))).toBe(true)
  })

  test.each([undefined, null, 1, 'future', {}, Promise.resolve(), new FutureController(), () => {}])(
    'is false for %o',
    (value) => {
      expect(isFuture(value)).toBe(false)
    },
  )
})
