import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { CancelledError, Future, FuturesSession } from '../../src/index.ts'
import { until } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'

function cancelledFuture(reason: unknown): Future<unknown> {
  const future = new Future()
  future.cancel(reason)
  return future
}

function errorOf(future: Future<unknown>): Error {
  try {
    return future.exceptionNow() as Error
  } catch (error) {
    return error as Error
  }
}

const hasFrames = (error: Error): boolean => /\n {4}at /.test(error.stack ?? '')

describe('The CancelledErrors of a burst', () => {
  let start = 0
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] })
    // Later than any time of a test before.
    vi.advanceTimersByTime((start += 1e9))
  })
  afterEach(() => vi.useRealTimers())

  test('have a stack each up to a hundred, and are whole beyond', () => {
    const limit = Error.stackTraceLimit
    const reason = new Error('enough')
    const futures = Array.from({ length: 1000 }, () => cancelledFuture(reason))
    const errors = futures.map(errorOf)

    expect(errors.map(hasFrames)).toEqual(errors.map((_, index) => index < 100))
    expect(Error.stackTraceLimit).toBe(limit)
    expect(new Set(errors).size).toBe(1000)
    for (const [index, future] of futures.entries()) {
      const error = errors[index] as Error
      expect(error).toBeInstanceOf(CancelledError)
      expect(error.cause).toBe(reason)
      expect(error.stack).toMatch(/The future was cancelled/)
      expect(future.signal.reason).toBe(error)
    }
  })

  test('have stacks again 100 ms later', () => {
    const burst = Array.from({ length: 101 }, () => errorOf(cancelledFuture(undefined)))
    vi.advanceTimersByTime(99)
    const stillNone = errorOf(cancelledFuture(undefined))
    vi.advanceTimersByTime(1)
    const again = errorOf(cancelledFuture(undefined))

    expect([burst[99], burst[100], stillNone, again].map((error) => hasFrames(error as Error))).toEqual([
      true,
      false,
      false,
      true,
    ])
  })

  test('have them at once when the clock was set back', () => {
    for (let index = 0; index < 101; index++) errorOf(cancelledFuture(undefined))
    vi.useRealTimers()
    expect(hasFrames(errorOf(cancelledFuture(undefined)))).toBe(true)
  })

  test('leave alone a stackTraceLimit that may not be changed', () => {
    const property = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor
    Object.defineProperty(Error, 'stackTraceLimit', { ...property, writable: false })
    try {
      const errors = Array.from({ length: 101 }, () => errorOf(cancelledFuture(undefined)))
      expect(errors.every(hasFrames)).toBe(true)
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', property)
    }
  })
})

test('A request that is cancelled while it runs has one error, and nobody has observed it', async () => {
  const server = await startServer(() => {})
  onTestFinished(() => server.close())
  const session = new FuturesSession()
  onTestFinished(() => session.close())
  const future = session.get(server.url)
  await until(() => server.active === 1)
  future.cancel('enough')

  expect(future.isObserved).toBe(false)
  const error = errorOf(future)
  expect(error).toMatchObject({ name: 'AbortError', cause: 'enough' })
  expect(future.signal.reason).toBe(error)
})
