import { describe, type OrPromise } from '../checks.ts'
import type { FailedRequest } from '../errors.ts'
import { isTaskReference } from '../task-reference.ts'
import type { OrReference } from './options/options.ts'
import type { PreparedRequest } from './prepared-request.ts'
import type { Response } from './response/response.ts'
import type { Session } from './session.ts'
import { unknownOption } from '../unknown-option.ts'

/** What a hook is told besides its subject. */
export interface HookContext<C = unknown> {
  /** As it was sent; for an error before it could be prepared, its method and URL. */
  readonly request: PreparedRequest | FailedRequest
  /** The inner session. */
  readonly session: Session
  /** Aborted when the request is cancelled or its total timeout runs out. Made on first access. */
  readonly signal: AbortSignal
  /** 1, or more after retries. */
  readonly attempt: number
  /** The request's `context` option. */
  readonly context: C
}

/** Of a request that got as far as being sent. */
export interface SentHookContext<C = unknown> extends HookContext<C> {
  readonly request: PreparedRequest
}

type MaybeResponse = OrPromise<Response | void | undefined>

// Written as methods, so that a hook may name the types of `data` and `context` that it expects.

/** Sees and edits the request before each send. */
export type RequestHook<C = unknown> = {
  hook(request: PreparedRequest, context: SentHookContext<C>): OrPromise<PreparedRequest | void | undefined>
}['hook']
/** Sees a response; one that it returns takes its place. */
export type ResponseHook<C = unknown> = { hook(response: Response, context: SentHookContext<C>): MaybeResponse }['hook']
/** Returning a response recovers from the error. */
export type ErrorHook<C = unknown> = { hook(error: unknown, context: HookContext<C>): MaybeResponse }['hook']

type OneOrMany<F> = OrReference<F> | readonly OrReference<F>[]

/** Functions, or references to them, that are called on the way of a request. */
export interface HooksOption<C = unknown> {
  /** Before each send, redirects and retries included; after authentication. */
  request?: OneOrMany<RequestHook<C>> | undefined
  /** On the response that the caller gets, its body read (with `stream`: before). What it returns takes its place. */
  response?: OneOrMany<ResponseHook<C>> | undefined
  /** On each response whose redirect is about to be followed. What it returns takes its place. */
  redirect?: OneOrMany<ResponseHook<C>> | undefined
  /** On the error that the request is about to fail with. */
  error?: OneOrMany<ErrorHook<C>> | undefined
}

/** A session's own: lists to push onto. A single function assigned to one becomes a list. */
export interface SessionHooks {
  /** Before each send. */
  get request(): OrReference<RequestHook>[]
  set request(hooks: OneOrMany<RequestHook>)
  /** On the response that the caller gets. */
  get response(): OrReference<ResponseHook>[]
  set response(hooks: OneOrMany<ResponseHook>)
  /** On each redirect that is followed. */
  get redirect(): OrReference<ResponseHook>[]
  set redirect(hooks: OneOrMany<ResponseHook>)
  /** On the error that a request is about to fail with. */
  get error(): OrReference<ErrorHook>[]
  set error(hooks: OneOrMany<ErrorHook>)
}

/** A hook of any kind. */
export type AnyHook = OrReference<(subject: never, context: never) => unknown>
/** The kinds of hooks. */
export type HookName = keyof HooksOption

/** Checked; what is not given is not there. */
export type HookLists = { readonly [Name in HookName]?: readonly AnyHook[] }

const hookNames: readonly HookName[] = ['request', 'response', 'redirect', 'error']

/**
 * Lists that take functions too.
 *
 * @throws {TypeError} an unknown kind of hook, or something that is no hook
 */
export function makeSessionHooks(option: HooksOption | undefined): SessionHooks {
  const hooks = {}
  for (const name of hookNames) {
    let list: readonly AnyHook[] = []
    Object.defineProperty(hooks, name, {
      get: () => list,
      set: (value: unknown) => (list = hookList(name, value)),
      enumerable: true,
    })
  }
  return Object.assign(Object.preventExtensions(hooks), checkHooks(option)) as SessionHooks
}

/**
 * @returns own properties that are given, as lists
 * @throws {TypeError} as `makeSessionHooks`
 */
export function checkHooks(option: unknown): HookLists {
  if (option === undefined) return {}
  if (typeof option !== 'object' || option === null || Array.isArray(option)) {
    throw new TypeError(`Expected \`hooks\` to be an object, got ${describe(option)}`)
  }
  const lists: { -readonly [Name in HookName]?: readonly AnyHook[] } = {}
  for (const [name, value] of Object.entries(option)) {
    const known = hookNames.find((each) => each === name)
    if (known === undefined) {
      throw new TypeError(`Bad \`hooks\`: ${unknownOption(name, hookNames)}`)
    }
    if (value !== undefined) lists[known] = hookList(known, value)
  }
  return lists
}

function hookList(name: HookName, value: unknown): AnyHook[] {
  const list: unknown[] = Array.isArray(value) ? [...(value as unknown[])] : [value]
  for (const hook of list) {
    if (typeof hook !== 'function' && !isTaskReference(hook)) {
      throw new TypeError(
        `Expected \`hooks.${name}\` to be a function, a taskReference or an array of them, got ${describe(hook)}`,
      )
    }
  }
  return list as AnyHook[]
}
