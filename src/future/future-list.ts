import { describe } from '../checks.ts'
import type { Future } from './future.ts'
import { isFuture } from './subscription.ts'

/**
 * @returns the futures, in order, duplicates included
 * @throws {TypeError} not an iterable, or an element that is no future
 */
export function listFutures<F extends Future<unknown>>(futures: Iterable<F>): F[] {
  if (typeof (futures as Partial<Iterable<F>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`Expected an iterable of futures, got ${describe(futures)}`)
  }
  const list = [...futures]
  list.forEach(checkFuture)
  return list
}

/** @throws {TypeError} no future; `index` says where it stood */
export function checkFuture(value: unknown, index: number): void {
  if (!isFuture(value)) throw new TypeError(`Expected a future at index ${index}, got ${describe(value)}`)
}
