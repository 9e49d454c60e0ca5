/**
 * What TypeScript knows of a task by the type of its module. A call that names one type argument can't have the next one
 * inferred from the name of the task, so there is one signature for each function of the module, up to sixteen.
 */
import type { TaskReference } from './task-reference.ts'

type AnyFunction = (...args: never) => unknown

/** Results of tasks that have methods, and are not taken for modules because of them. */
type ValueWithMethods =
  | readonly unknown[]
  | ArrayBuffer
  | ArrayBufferView
  | SharedArrayBuffer
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | Blob
  | Date
  | Error
  | RegExp
  | PromiseLike<unknown>
  | AnyFunction

type FunctionName<M> = M extends ValueWithMethods
  ? never
  : M extends object
    ? { [N in keyof M]: M[N] extends AnyFunction ? N : never }[keyof M] & string
    : never

/** Any one of a union: that of the last signature of an intersection of functions. */
type OneOf<U> = (U extends unknown ? (given: () => U) => void : never) extends (given: infer I) => void
  ? I extends () => infer One
    ? One
    : never
  : never

type Names<U, One = OneOf<U>> = [U] extends [never] ? [] : [One, ...Names<Exclude<U, One>>]
type NameAt<M, Index extends number> = Names<FunctionName<M>>[Index]
type FunctionCalled<M, N> = N extends keyof M ? M[N] : never
type ResultOf<F> = F extends (...args: never) => infer Result ? Awaited<Result> : never

interface AnyContext {
  readonly signal: AbortSignal
}

/** The context of a hook; the parameter before it is the hook's subject. */
interface AnyHookContext extends AnyContext {
  readonly attempt: number
}

/** The subject of a hook: a response or a prepared request. */
type AnySubject =
  | { readonly status: number; raiseForStatus(): unknown; iterLines(): unknown }
  | { method: string; url: string; copy(): unknown }

/** The parameters of a function, without those that are filled in when it is called. */
type Given<Parameters extends readonly unknown[]> = Parameters extends [...infer Others, infer Last]
  ? [Last] extends [AnyHookContext]
    ? Others extends [...infer Own, unknown]
      ? Own
      : Others
    : [Last] extends [AnyContext | AnySubject]
      ? Others
      : Parameters
  : Parameters

type ArgsOf<F> = F extends (...args: infer Parameters) => unknown ? Given<Parameters> : never

interface Nth<Index extends number> {
  /** The type is that of the module: the name and the arguments are checked, the result is known. */
  <M extends object>(
    module: string | URL,
    name: NameAt<M, Index>,
    ...args: ArgsOf<FunctionCalled<M, NameAt<M, Index>>>
  ): TaskReference<ResultOf<FunctionCalled<M, NameAt<M, Index>>>>
}

/** Signatures by the type of a module. */
export type TypedReference = Nth<0> &
  Nth<1> &
  Nth<2> &
  Nth<3> &
  Nth<4> &
  Nth<5> &
  Nth<6> &
  Nth<7> &
  Nth<8> &
  Nth<9> &
  Nth<10> &
  Nth<11> &
  Nth<12> &
  Nth<13> &
  Nth<14> &
  Nth<15>

type NameOfUntyped<T> = [FunctionName<T>] extends [never] ? string : never

/** Signatures by the type of the result, or without a type. */
export interface UntypedReference {
  /** The type is that of the result; nothing is checked. */
  <T = unknown>(module: string | URL, name: NameOfUntyped<NoInfer<T>>, ...args: unknown[]): TaskReference<T>
  /** Nothing is known of the result. */
  (module: string | URL, name: string, ...args: unknown[]): TaskReference
}

type Calls<M, N = FunctionName<M>> = N extends keyof M ? [name: N, ...args: ArgsOf<M[N]>] : never

/** For modules with more functions, and for the error message where no other signature fits. */
export interface CheckedReference {
  /** The type is that of the module: the name and the arguments are checked. */
  <M extends object>(
    module: string | URL,
    ...call: Calls<M>
  ): TaskReference<ResultOf<FunctionCalled<M, FunctionName<M>>>>
}
