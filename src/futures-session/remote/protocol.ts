/** The messages between a FuturesSession and its request in a thread. Everything here can be cloned. */
import type { FailedResponse } from '../../errors.ts'
import type { SharedCopy } from '../../executor/remote.ts'
import type { AuthRecipe } from '../../session/auth/auth-flow.ts'
import type { CookieChange } from '../../session/cookies/followed-jar.ts'
import type { FormPair } from '../../session/body/form.ts'
import type { RetryCounts } from '../../session/call/retry.ts'
import type { SessionOptions } from '../../session/options/options.ts'

/** The one argument of the task. */
export interface RemoteCall {
  readonly method: string
  readonly url: string
  /** The options of the request, without its body and an auth function. */
  readonly options?: PackedOptions
  readonly body?: PackedBody
  /** Only of a request that was prepared before. */
  readonly prepared?: PackedPreparation
  /** Where things are in the shared values, of which the pool key and the snapshot are the first two. */
  readonly sharedIndex: SharedIndex
  /** Redirects that lead away from this origin have to wait their turn there. */
  readonly boundTo?: string | undefined
  /** Where the attempt before this one stopped. */
  readonly checkpoint?: Envelope | undefined
  /** ms since the first attempt began, read when a later one is sent. Not a time, because clocks differ between machines. */
  readonly elapsed?: number | undefined
  /** The shared values themselves, for an executor that knows nothing of them. */
  readonly shared?: readonly SharedCopy[]
}

export interface SharedIndex {
  /** The recipe of the request's auth function, if that is one of ours. */
  readonly auth?: number
  /** The recipe of the session's auth function, likewise. */
  readonly sessionAuth?: number
  /** The rules of the jar; all values after them are its segments. Not there: no cookies. */
  readonly jar?: number | undefined
}

/** Names the connections that a thread keeps for one session. */
export interface PackedPoolKey {
  readonly id: string
  readonly poolOptions: SessionOptions['poolOptions']
  /** How many requests may run at once in one thread. */
  readonly workers: number
}

/** What a session adds to its requests, packed. The jar is a shared value of its own. */
export interface PackedSession {
  /** Name, value, name, value ... */
  readonly headers: readonly string[]
  /** Attributes to set. */
  readonly attributes: PackedOptions
  /** The environment variables of the submitter. Not there: those of the process that does the request count. */
  readonly environment?: NodeJS.ProcessEnv
}

/** An AuthRecipe, packed. */
export interface PackedRecipe {
  readonly name: AuthRecipe['name']
  readonly args: readonly string[]
  /** The memory of a digest's counts, for threads of this process. */
  readonly counts?: SharedArrayBuffer
}

export type PackedOptions = Readonly<Record<string, unknown>>

export interface PackedPreparation {
  readonly headers: readonly string[]
  /** The Cookie header that was made from the jar. */
  readonly cookie: string | undefined
  /** What it was prepared with. */
  readonly options: PackedOptions
}

/** The body as it is sent, or the Blobs that it is made of. */
export type PackedBody =
  | { readonly content: string | Uint8Array | Blob }
  | { readonly form: readonly FormEntry[] }
  | { readonly files: readonly (readonly [field: string, file: unknown])[]; readonly fields: PackedFields | undefined }

/** The fields beside files. */
export type PackedFields = readonly FormPair[] | { readonly form: readonly FormEntry[] }
export type FormEntry = readonly [name: string, value: string | Blob, filename?: string]

/** A segment of the jar, with the cookies of now. */
export interface JarSegment {
  readonly changes: readonly CookieChange[]
  /** The number of the last report of each thread that it includes. */
  readonly reports: ReadonlyMap<string, number>
}

/** What a thread has changed in its copy of the jar. */
export interface JarReport {
  readonly from: string
  readonly number: number
  readonly changes: readonly CookieChange[]
}

/**
 * A message as it is sent: its content as JSON, because a string is cloned ten times as fast as such an object, and beside it
 * what is no JSON.
 */
export interface Envelope {
  /** A MessageContent. */
  readonly text: string
  /** Bodies, which the text names by number. Large ones are moved, not copied; small ones are latin1 text. */
  readonly [body: number]: Uint8Array | string
  /** `data` of responses, by number. */
  readonly data?: readonly unknown[] | undefined
  readonly cookies?: JarReport | undefined
  /** With `next`: a PackedCheckpoint. */
  readonly checkpoint?: Envelope | undefined
  /** Without a link: the messages that could not be sent before. */
  readonly unsent?: readonly Envelope[] | undefined
  /** With `next`, without a link: what the attempt failed with. */
  readonly error?: unknown
}

export type MessageContent = (
  | { readonly kind: 'cookies' }
  /** A redirect is followed. */
  | { readonly kind: 'redirect'; readonly response: ResponseRef; readonly next: PackedRequest }
  /** The total timeout has run out while a hook is at work. */
  | { readonly kind: 'timeout'; readonly text: string; readonly request: PackedRequest }
  /** The total timeout has run out, and error hooks run. */
  | { readonly kind: 'recovering' }
  /** Sent before an error. */
  | { readonly kind: 'failure'; readonly contexts: readonly ErrorContext[] }
  | PackedNextAttempt
  /** The outcome. */
  | { readonly kind: 'done'; readonly response: ResponseRef }
) & {
  /** Bytes of bodies received since the last message. */
  bytes?: number | undefined
}

/** The request is not settled: there is a next attempt. Where the attempt failed, this is sent before its error. */
export interface PackedNextAttempt {
  readonly kind: 'next'
  /** ms since the first attempt began, from which the total timeout counts. */
  readonly elapsed: number
  readonly nextNumber: number
  readonly due:
    | { readonly kind: 'retry'; readonly delay: number; readonly response: ResponseRef | undefined }
    | { readonly kind: 'redirect'; readonly origin: string }
  readonly contexts: readonly ErrorContext[]
}

/** A Checkpoint, which needs nothing that was sent before. */
export interface PackedCheckpoint {
  readonly request: PackedRequest
  readonly isHome: boolean
  readonly redirects: number
  readonly nextNumber: number
  readonly counts: RetryCounts | undefined
  readonly history: readonly ResponseRef[]
  /** The parent's numbers of the responses in the history, and how many responses it has. */
  readonly numbers: readonly (number | null)[]
  readonly count: number
}

/** Request and response of an error, which its clone does not have. */
export interface ErrorContext {
  /** 0: the error itself, 1: its cause, ... */
  readonly depth: number
  readonly request: PackedRequest
  readonly response?: ResponseRef | FailedResponse | undefined
}

/** A response the first time that it is sent, afterwards its number in the order of sending. */
export type ResponseRef = PackedResponse | number

export interface PackedResponse {
  readonly status: number
  readonly statusText: string
  /** Only if it is not that of the request. */
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
  /** Name, value, name, value ...; not there: the headers of the session. */
  readonly headers?: readonly string[]
  readonly body?: string | number
  /** The body is the one that was given. */
  readonly hasGivenBody?: true
  /** Method and URL are all that is known. */
  readonly isOutline?: true
  /** A redirect elsewhere: no credentials are for it (`auth: null`, no cookies of its own). */
  readonly hasNoAuth?: true
  /** It carries the options of the prepared request that was given. */
  readonly hasOptions?: true
  /** The Cookie header was made from the jar: whoever sends the request again makes a new one. */
  readonly hasJarCookie?: true
}
