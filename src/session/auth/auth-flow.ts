import { describe, isThenable, type OrPromise } from '../../checks.ts'
import { isTaskReference, loadTaskReference } from '../../task-reference.ts'
import type { UserScope } from '../../user-scope.ts'
import type { OrReference } from '../options/options.ts'
import { PreparedRequest } from '../prepared-request.ts'
import type { Response } from '../response/response.ts'
import type { NonceCounts } from './nonce-counts.ts'

/** Edits the request in place; may return it, or another one to send instead. */
type AuthResult = PreparedRequest | void | undefined

/** What an auth generator yields is sent, and it gets the response; the last response is the one that counts. */
export type AuthFlow =
  Generator<PreparedRequest, AuthResult, Response> | AsyncGenerator<PreparedRequest, AuthResult, Response>

/**
 * An auth function that is no generator. The second signature is for TypeScript alone: where they differ in their type
 * parameters, it leaves it to GeneratorAuth to say what a function written in place is given. With `void` among the results
 * that one would not say what `yield` gives.
 */
interface PlainAuth {
  (request: PreparedRequest): OrPromise<AuthResult>
  <Request extends PreparedRequest>(request: Request): OrPromise<AuthResult>
}
type GeneratorAuth = (request: PreparedRequest) => OrPromise<PreparedRequest | undefined> | AuthFlow

/**
 * Called before each hop within the origin: edits the request, and may return it or another one, or a promise. A generator
 * yields what is to be sent and gets the response: `const response = yield request`.
 */
export type AuthFunction = PlainAuth | GeneratorAuth

/** `[user, password]` is Basic. */
export type AuthOption = readonly [user: string, password: string] | OrReference<AuthFunction>

/** What auth functions need of the call: it sends for them. */
export interface AuthTransport {
  /** The auth function is about to be called, or to go on. @returns the scope that it shall run in, if somebody wants to know */
  enterUserCode(): UserScope | undefined
  /** @throws what the call was aborted with: no auth function begins then */
  throwIfAborted(): void
  send(request: PreparedRequest): Promise<Response>
  /** The response answered the auth function only: the caller gets another one. */
  consume(response: Response): Promise<void>
}

/** @throws {TypeError} what is no `auth` option */
export function checkAuth(auth: unknown): AuthOption {
  if (typeof auth === 'function' || isTaskReference(auth)) return auth as AuthOption
  if (Array.isArray(auth) && auth.length === 2 && auth.every((each) => typeof each === 'string')) {
    return auth as unknown as AuthOption
  }
  // No value is shown: a string may be `user:password`.
  const shown = typeof auth === 'object' && auth !== null ? describe(auth) : `a ${typeof auth}`
  throw new TypeError(`Expected \`auth\` to be [user, password], a function or a taskReference, got ${shown}`)
}

/**
 * Calls an auth function on a request, and sends what it leaves. A generator decides itself what is sent and when;
 * if it sends nothing, the request is sent when it is done.
 *
 * @throws {TypeError} it returned or yielded something else than a request
 */
export async function sendWithAuth(
  auth: OrReference<AuthFunction>,
  request: PreparedRequest,
  call: AuthTransport,
): Promise<Response> {
  // Our own functions run no code of users, and need no scope.
  const ask = recipeOf(auth) === undefined ? askInScope(call) : askHere
  const result = isTaskReference(auth)
    ? await ask(async () => {
        const fn = await loadTaskReference(auth)
        call.throwIfAborted()
        return fn(...(auth.args ?? []), request)
      })
    : ask(() => (auth as (request: PreparedRequest) => OrPromise<AuthResult> | AuthFlow)(request))
  if (isFlow(result)) return converse(result, request, call, ask)
  return call.send(requestOf(isThenable(result) ? await result : result, 'return') ?? request)
}

async function converse(flow: AuthFlow, request: PreparedRequest, call: AuthTransport, ask: Ask): Promise<Response> {
  let response: Response | undefined
  let step = await ask(() => flow.next(undefined as never))
  while (step.done !== true) {
    if (response !== undefined) await call.consume(response)
    const { value } = step
    // A copy: what the function does to its request later must not change what was sent.
    const sent = await settle(async () => call.send((requestOf(value, 'yield') ?? request).copy()))
    const answer = (response = sent.response)
    step = await ask(() => (answer === undefined ? flow.throw(sent.error) : flow.next(answer)))
  }
  const last = requestOf(step.value, 'return')
  if (response !== undefined && last === undefined) return response
  if (response !== undefined) await call.consume(response)
  return call.send(last ?? request)
}

/** Calls a step of an auth function. */
type Ask = <Result>(step: () => Result) => Result

const askHere: Ask = (step) => step()

function askInScope(call: AuthTransport): Ask {
  return (step) => {
    const scope = call.enterUserCode()
    return scope === undefined ? step() : scope.contain(step)
  }
}

/** A generator is told of a failure where it waits for the response, so that it can clean up, or go on. */
async function settle(send: () => Promise<Response>): Promise<{ response?: Response; error?: unknown }> {
  try {
    return { response: await send() }
  } catch (error) {
    return { error }
  }
}

function isFlow(value: unknown): value is AuthFlow {
  return typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function'
}

function requestOf(value: unknown, verb: 'return' | 'yield'): PreparedRequest | undefined {
  if (value === undefined || value instanceof PreparedRequest) return value
  throw new TypeError(`Expected the auth function to ${verb} a PreparedRequest, got ${describe(value)}`)
}

/** What an auth function of ours was made of: a function can't leave this isolate, this can. */
export interface AuthRecipe {
  readonly name: 'basic' | 'bearer' | 'digest'
  readonly args: readonly string[]
  /** What a digest counts in; only threads of this process share it. */
  readonly counts?: NonceCounts
  /** What is made of it where requests leave this isolate. */
  shared?: object
}

/** Not on the functions themselves: whoever inspects one must not see a password. */
const recipes = new WeakMap<object, AuthRecipe>()

/** @returns the function */
export function withRecipe(fn: AuthFunction, recipe: AuthRecipe): AuthFunction {
  recipes.set(fn, recipe)
  return fn
}

/** @returns `undefined` for a function of somebody else's, and for what is no function */
export function recipeOf(auth: unknown): AuthRecipe | undefined {
  return typeof auth === 'function' ? recipes.get(auth) : undefined
}
