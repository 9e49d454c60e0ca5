import { className, describe, isThenable } from '../../checks.ts'
import type { FailedRequest } from '../../errors.ts'
import { isTaskReference, loadTaskReference } from '../../task-reference.ts'
import type { AnyHook, HookContext, HookLists, HookName } from '../hooks.ts'
import type { ResolvedOptions } from '../options/option-table.ts'
import { PreparedRequest } from '../prepared-request.ts'
import { Response } from '../response/response.ts'
import type { SessionCore } from '../session-core.ts'
import type { Session } from '../session.ts'
import type { CallObserver } from './call-input.ts'

/** What hooks know of their call. */
interface HookedCall {
  readonly attempts: number
  /** @throws what it was aborted with */
  throwIfAborted(): void
}

/** The hooks of one call, the session's first, and what they are told. */
export class CallHooks {
  readonly #core: SessionCore
  readonly #session: Session
  readonly #observer: CallObserver
  readonly #call: HookedCall
  #own: HookLists | undefined
  #context: unknown
  #controller: AbortController | undefined
  #aborted: { readonly error: unknown } | undefined

  constructor(core: SessionCore, session: Session, observer: CallObserver, call: HookedCall) {
    this.#core = core
    this.#session = session
    this.#observer = observer
    this.#call = call
  }

  /** Takes the request's own hooks and its `context`, before anything of it can fail, so that its error hooks hear of that. */
  adopt({ hooks, context }: ResolvedOptions): void {
    this.#own = hooks
    this.#context = context
  }

  has(name: HookName): boolean {
    return this.#core.hooks[name].length > 0 || (this.#own?.[name] ?? []).length > 0
  }

  runRequest(request: PreparedRequest): Promise<PreparedRequest> {
    return this.#hold(() => runHooks('request', this.#list('request', request), request, PreparedRequest))
  }

  runResponse(name: 'response' | 'redirect', response: Response): Promise<Response> {
    return this.#hold(() => runHooks(name, this.#list(name, response.request), response, Response))
  }

  /** @returns the response that one of them recovers with */
  runError(error: unknown, request: FailedRequest): Promise<Response | undefined> {
    return this.#hold(() => runErrorHooks(this.#list('error', request), error, Response))
  }

  abort(error: unknown): void {
    this.#aborted ??= { error }
    this.#controller?.abort(error)
  }

  #hold<Result>(run: () => Promise<Result>): Promise<Result> {
    const scope = this.#observer.enterUserCode?.()
    return scope === undefined ? run() : scope.contain(run)
  }

  #list(name: HookName, request: FailedRequest): BoundHook[] {
    const hooks = [...(this.#core.hooks[name] as readonly AnyHook[]), ...(this.#own?.[name] ?? [])]
    const context = this.#contextOf(request)
    return hooks.map((hook) => (subject) => this.#run(hook, subject, context))
  }

  /** No hook begins once the call is aborted, be it while its module was loaded: nothing could stop it any more. */
  #run(hook: AnyHook, subject: unknown, context: HookContext): unknown {
    this.#call.throwIfAborted()
    if (!isTaskReference(hook)) return (hook as (...args: unknown[]) => unknown)(subject, context)
    return loadTaskReference(hook).then((fn) => {
      this.#call.throwIfAborted()
      return fn(...(hook.args ?? []), subject, context)
    })
  }

  /** The signal is made when a hook asks for it. */
  #contextOf(request: FailedRequest): HookContext {
    const known = { request, session: this.#session, attempt: this.#call.attempts, context: this.#context }
    const get = (): AbortSignal => this.#signal
    return Object.defineProperty(known, 'signal', { get, enumerable: true }) as HookContext
  }

  get #signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.error)
    return this.#controller.signal
  }
}

type ClassOf<T> = abstract new (...args: never[]) => T

/** A hook with its context filled in. */
type BoundHook = (subject: unknown) => unknown

/**
 * Runs hooks one after the other, each on what the one before it returned in the subject's place.
 *
 * @returns the subject, or what took its place
 * @throws {TypeError} a hook returned something else; what a hook throws comes as it is
 */
async function runHooks<T extends object>(
  name: HookName,
  hooks: readonly BoundHook[],
  subject: T,
  subjectClass: ClassOf<T>,
): Promise<T> {
  let current = subject
  for (const hook of hooks) current = (await callHook(name, hook, current, subjectClass)) ?? current
  return current
}

/** @returns the response that the first hook to do so recovers with; `undefined`: none did */
async function runErrorHooks<T>(
  hooks: readonly BoundHook[],
  error: unknown,
  responseClass: ClassOf<T>,
): Promise<T | undefined> {
  for (const hook of hooks) {
    const response = await callHook('error', hook, error, responseClass)
    if (response !== undefined) return response
  }
  return undefined
}

async function callHook<T>(
  name: HookName,
  hook: BoundHook,
  subject: unknown,
  expected: ClassOf<T>,
): Promise<T | undefined> {
  const returned = hook(subject)
  const result: unknown = isThenable(returned) ? await returned : returned
  if (result === undefined || result instanceof expected) return result
  const shown = typeof result === 'object' && result !== null ? `an object (${className(result)})` : describe(result)
  throw new TypeError(`Expected the ${name} hook to return a ${expected.name} or nothing, got ${shown}`)
}
