import { describe } from '../checks.ts'
import type { Attempted, Job } from './job.ts'

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
