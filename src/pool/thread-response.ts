import type { Response } from '../session/response/response.ts'
import type { Attempted, QueuedJob } from './job.ts'

/**
 * A response, and the job it answers. It is the response itself, with three properties more that don't show when it is
 * listed or printed. What can't take them is left as it is: an object that has a property of one of these names (one that
 * answers a second job, too) or is frozen is behind a view of it, and what is no object is under `response` only.
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
    // An object that refuses to be looked at.
  }
  return detail as ThreadResponse<R>
}

function mark(response: object, detail: object): object {
  for (const [name, value] of Object.entries(detail)) {
    Object.defineProperty(response, name, { value, configurable: true })
  }
  return response
}

/** Everything is done to the response itself: its private state is its own. */
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
