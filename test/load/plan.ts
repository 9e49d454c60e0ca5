import { pathToFileURL } from 'node:url'
import type { Fault } from '../helpers/faults/fault.ts'
import { taskReference, type RequestOptions, type Response, type ResponseFuture } from '../../src/index.ts'

const fixture = (name: string, ...args: unknown[]) =>
  taskReference(pathToFileURL('test/fixtures/request-hooks.mjs'), name, ...args)

const quickly = { base: 1, max: 5 }

/** One kind of request, and what must come of it. */
export interface Kind {
  /** What of `answers.ts` is asked for; a URL as it stands; or a fault of the catalogue. */
  readonly answer: string
  readonly isOfCatalogue?: boolean
  readonly method?: string
  readonly options?: RequestOptions
  /** Of ten thousand requests. */
  readonly share: number
  /** The name of the error. Default: a right answer. */
  readonly error?: string | undefined
  /** Of a streamed body. */
  readonly bodyError?: string
  /** Default 200. */
  readonly status?: number
  /** Of the body. Default: JSON that names the request. */
  readonly text?: string
  /** The parsed body is `data`, put there by a hook. */
  readonly isHooked?: boolean
}

const right: readonly Kind[] = [
  { answer: 'plain', share: 4660 },
  { answer: 'large', share: 200 },
  { answer: 'echo', share: 500, method: 'PUT', options: { json: { many: ['words'] } } },
  { answer: 'gzip', share: 500 },
  { answer: 'chunked', share: 500 },
  { answer: 'hinted', share: 300 },
  { answer: 'moved', share: 500 },
  { answer: 'elsewhere', share: 300 },
  { answer: 'last', share: 200 },
  { answer: 'leaves', share: 200 },
  { answer: 'plain', share: 500, isHooked: true, options: { hooks: { response: fixture('parse') } } },
  { answer: 'plain', share: 300, options: { stream: true } },
  { answer: 'slow', share: 100, options: { stream: true } },
  { answer: 'untilTheEnd', share: 100 },
  { answer: 'untilTheEnd', share: 100, options: { stream: true } },
  { answer: 'nothing', share: 40, options: { stream: true }, text: '' },
]

const ownFaults: readonly Kind[] = [
  { answer: 'reset', share: 40, error: 'ConnectionError' },
  { answer: 'reset', share: 20, error: 'ConnectionError', options: { retry: { total: 1, backoff: quickly } } },
  { answer: 'resetOnce', share: 50, options: { retry: { total: 2, backoff: quickly } } },
  { answer: 'hangUp', share: 40, error: 'ConnectionError' },
  { answer: 'resetInBody', share: 40, error: 'ChunkedEncodingError' },
  { answer: 'untilAReset', share: 30, error: 'ChunkedEncodingError' },
  { answer: 'untilAReset', share: 30, bodyError: 'ChunkedEncodingError', options: { stream: true } },
  { answer: 'cut', share: 40, error: 'ChunkedEncodingError' },
  { answer: 'cutChunks', share: 40, error: 'ChunkedEncodingError' },
  { answer: 'badChunks', share: 30, error: 'ChunkedEncodingError' },
  { answer: 'garbage', share: 40, error: 'ConnectionError' },
  { answer: 'endlessHeaders', share: 20, error: 'ConnectionError' },
  { answer: 'corrupt', share: 40, error: 'ContentDecodingError' },
  { answer: 'truncated', share: 30, error: 'ContentDecodingError' },
  { answer: 'silent', share: 30, error: 'ReadTimeoutError', options: { timeout: { read: 50 } } },
  { answer: 'stalls', share: 20, error: 'ReadTimeoutError', options: { timeout: { read: 50 } } },
  { answer: 'silent', share: 20, error: 'TotalTimeoutError', options: { timeout: { total: 50 } } },
  { answer: 'slow', share: 20 },
  { answer: 'late', share: 20 },
  { answer: 'unavailableOnce', share: 40, options: { retry: { total: 1, backoff: quickly } } },
  { answer: 'unavailable', share: 10, status: 503, options: { retry: { total: 1, backoff: quickly } } },
  { answer: 'missing', share: 10, error: 'HTTPError', options: { raiseForStatus: true } },
  { answer: 'loop', share: 5, error: 'TooManyRedirectsError', options: { maxRedirects: 3 } },
  { answer: 'large', share: 10, error: 'ResponseTooLargeError', options: { maxResponseSize: 1000 } },
  { answer: 'plain', share: 15, error: 'RangeError', options: { hooks: { response: fixture('fail', 'by the hook') } } },
  { answer: 'http://127.0.0.1:1/', share: 5, error: 'ConnectionError' },
  { answer: 'http://[nonsense/', share: 5, error: 'InvalidURLError' },
]

/** What the server tells of a fault of the catalogue: all but its functions. */
export type KnownFault = Pick<Fault, 'name' | 'method' | 'options' | 'expected'>

/** Every tenth request meets a fault: one of our own, or one of the catalogue. */
export function kindsWith(catalogue: readonly KnownFault[]): readonly Kind[] {
  const known = catalogue.map(({ name, method = 'GET', options = {}, expected }): Kind => {
    const { status = 200, text = 'fine', error } = expected
    const outcome = error === undefined ? { status, text } : { error }
    return { answer: name, isOfCatalogue: true, share: 300 / catalogue.length, method, options, ...outcome }
  })
  return [...right, ...ownFaults, ...known]
}

/** When a request that is to be cancelled is: at once, so many turns or ms after its start, or by its own signal. */
export interface CancelPlan {
  readonly when: 'submitted' | 'turns' | 'milliseconds' | 'signal'
  readonly after: number
}

export interface Plan {
  readonly id: string
  readonly kind: Kind
  readonly priority: number
  readonly cancel: CancelPlan | undefined
}

const cancelMoments = ['submitted', 'turns', 'milliseconds', 'signal'] as const

/** The same for the same seed and index, whatever happens meanwhile. */
export function planOf(kinds: readonly Kind[], seed: number, index: number, cancelShare: number): Plan {
  const random = randomFrom(seed + index * 7919)
  let place = random() * 10_000
  const kind = kinds.find(({ share }) => (place -= share) < 0) ?? kinds[0]!
  const priority = Math.floor(random() * 3)
  const when = cancelMoments[Math.floor(random() * cancelMoments.length)]!
  const after = Math.floor(random() ** 2 * (when === 'turns' ? 8 : 60))
  return { id: String(index), kind, priority, cancel: random() < cancelShare ? { when, after } : undefined }
}

/** @returns what is wrong with a request that was neither cancelled nor is still going on */
export function faultOf(plan: Plan, future: ResponseFuture): string | undefined {
  const { kind } = plan
  const error = future.exceptionNow() as Error | undefined
  if (error?.name !== kind.error)
    return `${error?.name ?? 'no error'} instead of ${kind.error ?? 'none'}: ${error?.message}`
  if (error !== undefined) return undefined
  const response = future.resultNow()
  const { status = 200 } = kind
  if (response.status !== status) return `${response.status} instead of ${status}`
  // Its body is looked at when it has been read.
  return kind.options?.stream === true ? undefined : bodyFaultOf(plan, response)
}

/** @returns what is wrong with the body */
export function bodyFaultOf({ kind, id }: Plan, response: Response): string | undefined {
  if (kind.text !== undefined) return response.text() === kind.text ? undefined : `the body ${response.text()}`
  const body = (kind.isHooked === true ? response.data : response.json()) as { id: string; echoed?: unknown }
  if (body.id !== id) return `the answer to ${body.id} instead of ${id}`
  if (kind.options?.json === undefined) return undefined
  return JSON.stringify(body.echoed) === JSON.stringify(kind.options.json) ? undefined : 'another body came back'
}

/** mulberry32: any seed is good. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
