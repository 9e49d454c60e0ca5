import { describeRequest } from '../session/call/call-subject.ts'
import type { GuardedEmitter, SessionEvents } from './events.ts'
import type { ResponseFuture } from './response-future.ts'

/** What holds a failure until somebody asks for it; only failures that nobody has asked for yet are in here. */
const holders = new WeakMap<object, Set<ResponseFuture<never>>>()

/** Somebody asked: the failure needs no report. */
export function observe(future: object): void {
  holders.get(future)?.delete(future as ResponseFuture<never>)
  holders.delete(future)
}

const mostHeld = 1000

/**
 * The failures of one session that nobody has asked for. Nothing of them is an `unhandledRejection`, and nothing is lost:
 * each is reported once, when the session ends or when 1 000 younger ones are held.
 */
export class UnobservedFailures<R> {
  readonly #held = new Set<ResponseFuture<R>>()
  readonly #report: (future: ResponseFuture<R>, error: unknown) => void

  constructor(report: (future: ResponseFuture<R>, error: unknown) => void) {
    this.#report = report
  }

  /** Remembers a rejected future, unless somebody has asked for it already. */
  hold(future: ResponseFuture<R>): void {
    if (future.isObserved) return
    this.#held.add(future)
    holders.set(future, this.#held as unknown as Set<ResponseFuture<never>>)
    if (this.#held.size > mostHeld) for (const oldest of this.#held) return this.#release(oldest)
  }

  /** Reports all that are held. */
  flush(): void {
    for (const future of this.#held) this.#release(future)
  }

  #release(future: ResponseFuture<R>): void {
    this.#held.delete(future)
    holders.delete(future)
    this.#report(future, future.exceptionNow())
  }
}

/** Tells whoever listens to `unobserved`; else warns, once for each failure. */
export function reportUnobserved<R>(
  emitter: GuardedEmitter<SessionEvents<R>>,
  future: ResponseFuture<R>,
  error: unknown,
  mode: 'warn' | 'ignore' = 'warn',
): void {
  const { request } = future
  if (emitter.listenerCount('unobserved') > 0) {
    emitter.emit('unobserved', { future, request, error })
  } else if (mode === 'warn') {
    const shown = error instanceof Error ? `${error.name}: ${error.message}` : typeof error
    const { method, url } = describeRequest(future)
    const warning = `${method} ${url} failed, and nobody asked for it: ${shown}`
    process.emitWarning(warning, { type: 'UnobservedFailureWarning', code: 'UNDICI_FUTURES_UNOBSERVED' })
  }
}
