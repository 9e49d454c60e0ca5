/** What a FuturesSession says to its request in a thread, and what that says to it. Everything here can be cloned. */
import type { FailedResponse } from '../../errors.ts'
import type { SharedCopy } from '../../executor/remote.ts'
import type { CookieChange } from '../../session/cookies/followed-jar.ts'
import type { FormPair } from '../../session/body/form.ts'
import type { RetryCounts } from '../../session/call/retry.ts'

/** The one argument of the task. What is not there is not given. */
export interface RemoteCall {
  readonly method: string
  readonly url: string
  /** Those of the request, but for its body and an auth function. */
  readonly options?: PackedOptions
  readonly body?: PackedBody
  /** Of a request that was prepared before. */
  readonly prepared?: PackedPreparation
  /** Where things are in the shared values, of which the pool key and the snapshot are the first two. */
  readonly sharedIndex: SharedIndex
  /** Redirects that lead away from this origin have to wait their turn there. */
  readonly boundTo?: string | undefined
  /** Where the attempt before this one has stopped. */
  readonly position?: Envelope | undefined
  /** ms since the first attempt has begun, read when this crosses; only of later ones. No time: clocks differ between machines. */
  readonly elapsed?: number | undefined
  /** The shared values themselves, for an executor that knows nothing of them. */
  readonly shared?: readonly SharedCopy[]
}

export interface SharedIndex {
  /** Recipe of the request's auth function, if it is one of ours. */
  readonly auth?: number
  /** Of the session's. */
  readonly sessionAuth?: number
  /** The rules of the jar; all after them are parts of it. Without it there are no cookies. */
  readonly jar?: number | undefined
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
  | { readonly files: readonly (readonly [field: string, file: unknown])[]; readonly fields: PackedFields | undefined }

/** What stands beside files. */
export type PackedFields = readonly FormPair[] | { readonly form: readonly FormEntry[] }
export type FormEntry = readonly [name: string, value: string | Blob, filename?: string]

/** A part of the jar, as it is when it crosses. */
export interface JarPart {
  readonly changes: readonly CookieChange[]
  /** The last report of each thread that is in it. */
  readonly reports: ReadonlyMap<string, number>
}

/** What a thread has changed in its copy of the jar. */
export interface JarReport {
  readonly from: string
  readonly number: number
  readonly changes: readonly CookieChange[]
}

/**
 * How a message crosses: what it says as JSON, for a string is cloned ten times as fast as an object like this, and beside
 * it what is no JSON.
 */
export interface Envelope {
  /** A MessageContent. */
  readonly text: string
  /** Bodies that the text refers to by number. Here they are moved, not copied; small ones are latin1 text. */
  readonly [body: number]: Uint8Array | string
  /** `data` of responses, by number. */
  readonly data?: readonly unknown[] | undefined
  readonly cookies?: JarReport | undefined
  /** With `next`: a PackedPosition. */
  readonly position?: Envelope | undefined
  /** What an executor that has no line could not be told before. */
  readonly unsent?: readonly Envelope[] | undefined
  /** With `next`, if there is no line: what the attempt has failed with. */
  readonly error?: unknown
}

export type MessageContent = (
  | { readonly kind: 'cookies' }
  /** A redirect is followed. */
  | { readonly kind: 'redirect'; readonly response: ResponseRef; readonly next: PackedRequest }
  /** The total timeout has run out, and a hook is still at work. */
  | { readonly kind: 'timeout'; readonly text: string; readonly request: PackedRequest }
  /** The total timeout has run out, and error hooks are asked. */
  | { readonly kind: 'recovering' }
  /** Goes before an error. */
  | { readonly kind: 'failure'; readonly contexts: readonly ErrorContext[] }
  | PackedNextAttempt
  /** The outcome. */
  | { readonly kind: 'done'; readonly response: ResponseRef }
) & {
  /** Of bodies, received since the last message. */
  bytes?: number | undefined
}

/** The request is not settled. After an error this goes before it. */
export interface PackedNextAttempt {
  readonly kind: 'next'
  /** ms since the first attempt has begun: the total timeout counts from then. */
  readonly elapsed: number
  readonly nextNumber: number
  readonly due:
    | { readonly kind: 'retry'; readonly delay: number; readonly response: ResponseRef | undefined }
    | { readonly kind: 'redirect'; readonly origin: string }
  readonly contexts: readonly ErrorContext[]
}

/** A `CallPosition`, complete in itself. */
export interface PackedPosition {
  readonly request: PackedRequest
  readonly isHome: boolean
  readonly redirects: number
  readonly nextNumber: number
  readonly counts: RetryCounts | undefined
  readonly history: readonly ResponseRef[]
  /** The numbers that those of the history have for the parent, and how many responses it has got. */
  readonly numbers: readonly (number | null)[]
  readonly count: number
}

/** What the clone of an error does not hold. */
export interface ErrorContext {
  /** Of the error itself 0, of its cause 1, ... */
  readonly depth: number
  readonly request: PackedRequest
  readonly response?: ResponseRef | FailedResponse | undefined
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
  readonly data?: number
  readonly encoding?: string
  readonly httpVersion?: '1.1' | '2'
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
  /** `auth: null`, and no cookies of its own: nobody's credentials are for it. */
  readonly hasNoAuth?: true
  /** It carries the options of the prepared request that was given. */
  readonly hasOptions?: true
  /** The Cookie header was made from the jar: whoever sends the request again makes a new one. */
  readonly hasJarCookie?: true
}
