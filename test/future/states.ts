import { FutureController } from '../../src/future/future-controller.ts'
import type { Future, FutureState } from '../../src/future/future.ts'

/** A controller whose future is in this state: fulfilled with 'value', rejected with 'error', cancelled for 'reason'. */
export function controllerIn(state: FutureState): FutureController<string> {
  const controller = new FutureController<string>()
  if (state !== 'pending') controller.start()
  if (state === 'fulfilled') controller.resolve('value')
  if (state === 'rejected') controller.reject('error')
  if (state === 'cancelled') controller.future.cancel('reason')
  return controller
}

export function futureIn(state: FutureState): Future<string> {
  return controllerIn(state).future
}

export const states = ['pending', 'running', 'fulfilled', 'rejected', 'cancelled'] as const

/** So many of them. */
export function controllers<T = string>(count: number): FutureController<T>[] {
  return Array.from({ length: count }, () => new FutureController<T>())
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<any> {
  const nothing = {}
  const error: unknown = await promise.then(
    () => nothing,
    (error: unknown) => error,
  )
  if (error === nothing) throw new Error('Expected a rejection')
  return error
}

/** Timers that keep the process alive now. */
export function timerCount(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

/** The first of them; the loop is left then. */
export async function takeOne<T>(iterable: AsyncIterable<T>): Promise<T | undefined> {
  for await (const each of iterable) return each
  return undefined
}
