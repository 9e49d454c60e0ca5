import { AsyncContext } from '../async-context.ts'
import { describeRequest } from '../session/call/call-input.ts'
import type { GuardedEmitter, SessionEvents } from './events.ts'
import type { ResponseFuture } from './response-future.ts'

/** Tells a future who holds it as a failure that nobody has asked for. */
export const setHolder = Symbol('setHolder')

export interface FailureHolder {
  /** Somebody asked: the failure needs no report. */
  forget(future: object): void
}

const mostHeld = 1000

/**
 * The failures of one session that nobody has asked for. None is an `unhandledRejection`; each is reported once, when the
 * session ends or when 1 000 later ones are held.
 */
export class UnobservedFailures<R> implements FailureHolder {
  /** Each with the context of its submission. */
  readonly #held = new Map<ResponseFuture<R>, AsyncContext>()
  readonly #report: (future: ResponseFuture<R>, error: unknown) => void

  constructor(report: (future: ResponseFuture<R>, error: unknown) => void) {
    this.#report = report
  }

  /**
   * Remembers a rejected future, unless somebody has asked for it already.
   *
   * @param context of its submission
   */
  hold(future: ResponseFuture<R>, context = new AsyncContext()): void {
    if (future.isObserved) return
    this.#held.set(future, context)
    future[setHolder](this)
    if (this.#held.size > mostHeld) for (const oldest of this.#held) return this.#release(...oldest)
  }

  forget(future: object): void {
    this.#held.delete(future as ResponseFuture<R>)
  }

  /** Reports all that are held. */
  flush(): void {
    for (const each of this.#held) this.#release(...each)
  }

  #release(future: ResponseFuture<R>, context: AsyncContext): void {
    this.#held.delete(future)
    future[setHolder](undefined)
    context.run(() => this.#report(future, future.exceptionNow()))
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
    const { method, url } = describeRequest(future)
    const warning = `${method} ${url} failed, and nobody asked for it: ${show(error)}`
    process.emitWarning(warning, { type: 'UnobservedFailureWarning', code: 'UNDICI_FUTURES_UNOBSERVED' })
  }
}

function show(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : typeof error
  } catch {
    // A getter, or the trap of a Proxy.
    return typeof error
  }
}
