import { describe } from '../checks.ts'
import type { Response } from '../session/response/response.ts'
import type { Attempted, Job, QueuedJob } from './job-source.ts'

/**
 * A response, and the job it answers. It is the response itself, with three properties more that don't show when it is
 * listed or printed. An object that is frozen, or has a property of one of these names (because it answers a second job, too),
 * is left as it is, and this is a view of it; what is no object is under `response` only.
 */
export type ThreadResponse<R = Response> = (R extends object ? R : unknown) & ThreadResponseDetail<R>

interface ThreadResponseDetail<R> extends Attempted {
  /** What the session answered, as it was. */
  readonly response: R
}

/** Never throws, whatever the response is. */
export function toThreadResponse<R>(response: R, { job, attempts }: QueuedJob): ThreadResponse<R> {
  const detail: ThreadResponseDetail<R> = { requestKwargs: job, response, attempts }
  try {
    if ((typeof response === 'object' && response !== null) || typeof response === 'function') {
      const isFree = Object.isExtensible(response) && !Object.keys(detail).some((name) => name in response)
      return (isFree ? mark(response, detail) : viewOf(response, detail)) as ThreadResponse<R>
    }
  } catch {
    // A Proxy or a getter throws.
  }
  return detail as ThreadResponse<R>
}

function mark(response: object, detail: object): object {
  for (const [name, value] of Object.entries(detail)) {
    Object.defineProperty(response, name, { value, configurable: true })
  }
  return response
}

/** A Proxy that calls methods and accessors on the response itself, for its private fields. */
function viewOf(response: object, detail: object): object {
  return new Proxy(response, {
    has: (target, name) => Object.hasOwn(detail, name) || name in target,
    get(target, name) {
      if (Object.hasOwn(detail, name)) return Reflect.get(detail, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      const isMethod = typeof value === 'function' && name !== 'constructor' && !Object.hasOwn(target, name)
      return isMethod ? (value.bind(target) as unknown) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value),
  })
}

/**
 * What a job failed with, and the job: `message`, `code` and `cause` are those of the exception. A list of them makes
 * another pool, that tries again: `Pool.fromExceptions`.
 */
export class ThreadException extends Error implements Attempted {
  readonly #job: Job
  /** What was thrown, whatever it is. */
  readonly exception: unknown
  /** How often the job has been tried, over all pools. */
  readonly attempts: number
  /** Of the exception, if that has one. */
  declare readonly code?: string | number

  constructor(requestKwargs: Job, exception: unknown, attempts = 1) {
    const { message, code, cause } = traitsOf(exception)
    super(message, cause === undefined ? {} : { cause })
    this.#job = requestKwargs
    this.exception = exception
    this.attempts = attempts
    if (typeof code === 'string' || typeof code === 'number') this.code = code
  }

  /** The very object that was queued. Not shown when the error is inspected, in whatever way: it may hold secrets. */
  get requestKwargs(): Job {
    return this.#job
  }

  /** The same as `requestKwargs`. */
  get request(): Job {
    return this.#job
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'ThreadException', writable: true, configurable: true })
  }
}

interface Traits {
  readonly message: string
  readonly code?: unknown
  readonly cause?: unknown
}

/** Never throws: anything may have been thrown. */
function traitsOf(exception: unknown): Traits {
  try {
    const { message, code, cause } = (exception ?? {}) as { message?: unknown; code?: unknown; cause?: unknown }
    if (typeof exception === 'string') return { message: exception }
    return { message: typeof message === 'string' ? message : `The job threw ${describe(exception)}`, code, cause }
  } catch {
    return { message: 'The job threw an object that refuses to be looked at' }
  }
}
