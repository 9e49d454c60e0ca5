import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers'

const events = ['unhandledRejection', 'uncaughtException'] as const

/** @throws {AssertionError} while `check` ran, something was thrown or rejected where nobody could catch it */
export async function withoutStrays(check: () => Promise<void>): Promise<void> {
  const strays: unknown[] = []
  const collect = (error: unknown): void => void strays.push(error)
  for (const event of events) process.on(event, collect)
  try {
    await check()
    // They are reported when the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    for (const event of events) process.off(event, collect)
  }
  assert.deepEqual(strays, [], 'Errors that nobody could catch')
}
