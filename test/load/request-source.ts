import type { RequestSpec } from '../../src/index.ts'
import type { Marks } from './counting-session.ts'
import { planOf, type Kind } from './plan.ts'
import type { ServerProcess } from './server-process.ts'

export interface SourceOptions {
  readonly seed: number
  /** Of one: how many are to be cancelled. */
  readonly cancelShare: number
  /** For threads, which give whole responses only: nothing is streamed. */
  readonly isIsolated: boolean
  /** What every second request is given. */
  readonly signal: AbortSignal
}

/** Requests as they are planned, one after the other. */
export class RequestSource {
  readonly #server: ServerProcess
  readonly #options: SourceOptions
  #next = 0

  constructor(server: ServerProcess, options: SourceOptions) {
    this.#server = server
    this.#options = options
  }

  /** @param url which port it goes to */
  next(url: string, mayBeCancelled = false): RequestSpec & { method: string } {
    const { seed, cancelShare, isIsolated, signal } = this.#options
    const index = this.#next++
    const planned = planOf(this.#server.kinds, seed, index, cancelShare)
    const isStream = planned.kind.options?.stream === true
    const { bodyError: error = planned.kind.error } = planned.kind
    const kind = isIsolated && isStream ? { ...planned.kind, options: {}, error } : planned.kind
    return {
      ...kind.options,
      url: this.#urlOf(kind, url, planned.id),
      method: kind.method ?? 'GET',
      priority: planned.priority,
      context: { plan: { ...planned, kind }, mayBeCancelled } satisfies Marks,
      ...(index % 2 === 0 && { signal }),
    }
  }

  /** So many of them; of an endless supply whoever takes them may cancel those that he has not got. */
  *take(url: string, count: number): Generator<RequestSpec, undefined> {
    for (let taken = 0; taken < count; taken++) yield this.next(url, count === Infinity)
  }

  #urlOf({ answer, isOfCatalogue }: Kind, url: string, id: string): string {
    if (isOfCatalogue === true) return `${this.#server.faultUrl}/${answer}`
    return answer.includes(':') ? answer : `${url}/${answer}/${id}`
  }
}
