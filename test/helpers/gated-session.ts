import type { RequestOptions } from '../../src/session/options/options.ts'
import { gate, type Gate } from './gate.ts'

/** One request that a GatedSession has got and not answered. */
export interface GatedRequest extends Gate<string> {
  readonly method: string
  readonly url: string
  readonly options: RequestOptions
}

/** A session of somebody else's that answers when the test says so. An aborted signal rejects, unless it is stubborn. */
export class GatedSession {
  readonly requests: GatedRequest[] = []
  readonly isStubborn: boolean
  active = 0
  peak = 0

  constructor({ isStubborn = false } = {}) {
    this.isStubborn = isStubborn
  }

  async request(method: string, url: string | URL, options: RequestOptions = {}): Promise<string> {
    const request = { ...gate<string>(), method, url: String(url), options }
    this.requests.push(request)
    this.peak = Math.max(this.peak, ++this.active)
    if (!this.isStubborn) options.signal?.addEventListener('abort', () => request.fail(options.signal?.reason))
    try {
      return await request.promise
    } finally {
      this.active--
    }
  }

  /** Answers the request number `index` with its URL. */
  answer(index: number): void {
    const request = this.requests[index]!
    request.open(request.url)
  }

  answerAll(): void {
    for (const request of this.requests) request.open(request.url)
  }
}
