import type { Pool, ThreadException } from '../../src/pool/index.ts'
import type { SessionLike } from '../../src/index.ts'

/** Everything that an iterator still gives. */
export async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const result of results) all.push(result)
  return all
}

/** Both kinds, read at the same time. */
export async function collectBoth<R, E = ThreadException>(
  responses: AsyncIterable<R>,
  exceptions: AsyncIterable<E>,
): Promise<{ responses: R[]; exceptions: E[] }> {
  const [all, failed] = await Promise.all([collect(responses), collect(exceptions)])
  return { responses: all, exceptions: failed }
}

/** `submitted = responses + exceptions + cancelled`? */
export function isBalanced(pool: Pool<SessionLike<unknown>>): boolean {
  const { submitted, responses, exceptions, cancelled } = pool.stats()
  return submitted === responses + exceptions + cancelled
}

/** What a session of somebody else's answers in these tests. */
export interface Answer {
  readonly url: string
}

/** A session that answers at once, with an object that names the URL, or as it is told. */
export function answering(answer: (url: string) => unknown = (url) => ({ url })): SessionLike<Answer> {
  return { request: async (_method, url) => answer(String(url)) as Answer }
}

export const jobs = (count: number, base = 'http://x'): { url: string }[] =>
  Array.from({ length: count }, (_, index) => ({ url: `${base}/${index}` }))
