import type { SessionLike } from '../futures-session/request-run.ts'
import type { Session } from '../session/session.ts'
import { checkIterable, type Attempted, type Job } from './job-source.ts'
import { checkPoolNames, type PoolOptions, type ResponseOf } from './pool-options.ts'
import { Pool } from './pool.ts'
import type { ResultIterator } from './results.ts'
import type { ThreadException, ThreadResponse } from './thread-response.ts'

/**
 * A pool for a list or a generator of jobs, as its two streams: read them one after the other, in either order, or at the
 * same time. Leaving the responses early cancels what is not done, as with `session.map`; leaving the exceptions does not.
 *
 * @throws {TypeError} at the call: an empty list, no iterable, an element of a list that is no job; what `new Pool` throws
 */
export function map<S extends SessionLike<unknown> = Session>(
  requests: Iterable<Job | Attempted> | AsyncIterable<Job | Attempted>,
  options: Omit<PoolOptions<S>, 'jobQueue'> = {},
): [responses: ResultIterator<ThreadResponse<ResponseOf<S>>>, exceptions: ResultIterator<ThreadException>] {
  if (Array.isArray(requests) && requests.length === 0)
    throw new TypeError('Expected at least one job, got an empty list')
  checkIterable(requests, 'jobs')
  const pool = new Pool<S>({ ...checkPoolNames(options), jobQueue: requests })
  const responses = pool.responses()
  const leave = responses.return?.bind(responses)
  responses.return = async () => {
    pool.cancel('The responses of `map` were left')
    return (await leave?.()) ?? { done: true, value: undefined }
  }
  return [responses, pool.exceptions()]
}
