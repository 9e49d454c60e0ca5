/** What a FuturesSession says to its request in a thread, and what that says to it. Everything here can be cloned. */
import type { SharedCopy } from '../../executor/remote.ts'
import type { CookieChange } from '../../session/followed-jar.ts'
import type { RetryCounts } from '../../session/retry.ts'

/** The one argument of the task. What is not there is not given. */
export interface Order {
  readonly method: string
  readonly url: string
  /** Those of the request, but for its body and an auth function. */
  readonly options?: PackedOptions
  readonly body?: PackedBody
  /** Of a request that was prepared before. */
  readonly prepared?: PackedPreparation
  /** Where in the shared values things lie; home and settings are the first two. */
  readonly places: SharedPlaces
  /** Redirects that lead away from this origin have to wait their turn there. */
  readonly boundTo?: string | undefined
  /** Where the attempt before this one has stopped. */
  readonly position?: PackedPosition | undefined
  /** The shared values themselves, for an executor that knows nothing of them. */
  readonly shared?: readonly SharedCopy[]
}

export interface SharedPlaces {
  /** Recipe of the request's auth function, if it is one of ours. */
  readonly auth?: number
  /** Of the session's. */
  readonly sessionAuth?: number
  /** The rules of the jar; all after them are parts of it. Without it there are no cookies. */
  readonly jar?: number
}

export type PackedOptions = Readonly<Record<string, unknown>>

export interface PackedPreparation {
  readonly headers: readonly string[]
  /** The Cookie header that was made from the jar. */
  readonly cookie: string | undefined
  /** What it was prepared with. */
  readonly options: PackedOptions
}

/** As it will be sent, but for what lies in Blobs. */
export type PackedBody =
  | { readonly content: string | Uint8Array | Blob }
  | { readonly form: readonly FormEntry[] }
  | { readonly files: readonly (readonly [field: string, file: unknown])[]; readonly data: unknown }

export type FormEntry = readonly [name: string, value: string | Blob, filename?: string]

/** A part of the jar, as it is when it crosses. */
export interface JarPart {
  readonly changes: readonly CookieChange[]
  /** The jar holds nothing else. */
  readonly isWhole: boolean
  /** The last report of each thread that is in it. */
  readonly reports: ReadonlyMap<string, number>
}

/** What a thread has changed in its copy of the jar. */
export interface JarReport {
  readonly from: string
  readonly number: number
  readonly changes: readonly CookieChange[]
}

/** Bodies stand beside the message, where they can be moved instead of copied: it has their numbers, from 1. */
export type Parcel = readonly [head: Message, ...bodies: Uint8Array[]]

export type Message =
  | Report
  /** A redirect is followed. */
  | (Report & { readonly kind: 'redirect'; readonly response: ResponseRef; readonly next: PackedRequest })
  /** The total timeout has run out while a hook was at work. */
  | (Report & { readonly kind: 'timeout'; readonly text: string; readonly request: PackedRequest })
  /** Goes with an error: what the clone of an error can't hold, of itself and of its causes. */
  | (Report & { readonly kind: 'failure'; readonly contexts: readonly ErrorContext[] })
  /** Another attempt is due. With an error, if there is no response and no origin: the task fails with that. */
  | (Report & PackedContinuation)
  /** The outcome. */
  | (Report & { readonly kind: 'done'; readonly response: ResponseRef })

export interface Report {
  readonly kind: string
  /** Received since the last message. */
  readonly bytes?: number
  readonly cookies?: JarReport | undefined
  /** What could not be said before, for there was no line. */
  readonly before?: readonly Parcel[]
}

export interface PackedContinuation {
  readonly kind: 'again'
  readonly delay: number
  readonly attempt: number
  readonly response?: ResponseRef | undefined
  readonly origin?: string | undefined
  readonly position: PackedPosition
  /** Only if there was no line. */
  readonly error?: unknown
}

/** A `CallPosition`, complete in itself. */
export interface PackedPosition {
  readonly request: PackedRequest
  readonly isHome: boolean
  readonly redirects: number
  readonly attempts: number
  readonly counts: RetryCounts | undefined
  readonly history: readonly ResponseRef[]
  /** The numbers under which the parent has those of the history, and how many it has. */
  readonly numbers: readonly (number | undefined)[]
  readonly count: number
  readonly bodies: readonly Uint8Array[]
}

export interface ErrorContext {
  /** Of the error itself 0, of its cause 1, ... */
  readonly depth: number
  readonly request: PackedRequest | undefined
  readonly response: ResponseRef | PackedFailedResponse | undefined
}

export interface PackedFailedResponse {
  readonly status: number
  readonly url: string
}

/** A response, the first time that it comes; then its number. They are counted. */
export type ResponseRef = PackedResponse | number

export interface PackedResponse {
  readonly status: number
  readonly statusText: string
  /** If it is not that of the request. */
  readonly url?: string
  readonly headers: Readonly<Record<string, string | string[]>> | readonly (readonly [string, string])[]
  readonly elapsed: number
  readonly body?: number
  readonly request: PackedRequest
  readonly history?: readonly ResponseRef[]
  readonly next?: PackedRequest
  readonly data?: unknown
  readonly encoding?: string
}

export interface PackedRequest {
  readonly method: string
  readonly url: string
  /** Name, value, name, value ...; not there: those of the session. */
  readonly headers?: readonly string[]
  readonly body?: string | number
  /** The body is the one that was given. */
  readonly hasGivenBody?: true
  /** Method and URL are all that is known. */
  readonly isOutline?: true
}
