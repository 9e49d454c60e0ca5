import { turn } from './gate.ts'

type Listener = (...args: any[]) => void

const events = ['uncaughtException', 'unhandledRejection'] as const

/**
 * What is thrown or rejected where nobody can catch it, while `code` runs and in the turn after it. The test runner does
 * not hear of it.
 */
export async function straysOf(code: () => unknown): Promise<unknown[]> {
  const strays: unknown[] = []
  const listeners = events.map((event) => process.listeners(event as 'uncaughtException') as Listener[])
  for (const event of events) {
    process.removeAllListeners(event)
    process.on(event, (error: unknown) => void strays.push(error))
  }
  try {
    await code()
    await turn()
    return strays
  } finally {
    for (const [index, event] of events.entries()) {
      process.removeAllListeners(event)
      for (const listener of listeners[index]!) process.on(event, listener)
    }
  }
}
