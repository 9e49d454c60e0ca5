import { AssertionError } from 'node:assert'
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers'
import type { Executor } from '../../executor/executor.ts'
import { Lab } from './lab.ts'

/** What is different about an executor. */
export interface ContractOptions {
  /**
   * Whether a SharedArrayBuffer reaches the tasks. If not, they run in other processes, on this machine, and report by a
   * local socket.
   *
   * @default true
   */
  sharesMemory?: boolean | undefined
}

/** One promise of the executor contract, and how to see whether an executor keeps it. */
export interface ContractCase {
  /** What an executor does, in a sentence. */
  readonly title: string
  /**
   * @param create makes the executor to look at; the case shuts it down
   * @throws {AssertionError} as a rejection: it does not keep its promise. Whatever it does, this ends.
   */
  run(create: () => Executor, options?: ContractOptions): Promise<void>
}

export function contractCase(title: string, check: (lab: Lab) => Promise<void>): ContractCase {
  return {
    title,
    async run(create, options) {
      const lab = await Lab.open(create(), options)
      try {
        await check(lab)
      } catch (error) {
        // The error of the check counts, not that of the shutdown.
        await lab.close().catch(() => undefined)
        throw asAssertion(error)
      }
      await lab.close()
    },
  }
}

/** An error that the executor threw where the contract forbids it. */
function asAssertion(error: unknown): AssertionError {
  if (error instanceof AssertionError) return error
  const assertion = new AssertionError({ message: `The executor threw unexpectedly: ${String(error)}` })
  assertion.cause = error
  return assertion
}

const events = ['unhandledRejection', 'uncaughtException'] as const

/** @throws {AssertionError} there was an uncaught exception or an unhandled rejection while `check` ran */
export async function withoutStrays(check: () => Promise<void>): Promise<void> {
  const strays: unknown[] = []
  const collect = (error: unknown): void => void strays.push(error)
  for (const event of events) process.on(event, collect)
  try {
    await check()
    // Unhandled rejections are reported after the microtasks.
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    for (const event of events) process.off(event, collect)
  }
  assert.deepEqual(strays, [], 'Errors that nobody could catch')
}
