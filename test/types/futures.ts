// Futures: what they hold, and what waiting for several gives.
import {
  asCompleted,
  Future,
  FutureController,
  wait,
  type FutureState,
  type ResponseFuture,
  type WaitOptions,
} from '../../src/index.ts'
import { exactly } from './exactly.ts'

declare const one: Future<number>
declare const two: Future<string>
declare const many: Future<string>[]
declare const mixed: Set<Future<string> | Future<number>>
declare const responses: ResponseFuture[]

export async function ofOne(options: WaitOptions): Promise<void> {
  exactly<FutureState>()(one.state)
  exactly<number>()(await one.result(options))
  exactly<number>()(one.resultNow())
  exactly<unknown>()(await one.exception({ timeout: null }))
  exactly<unknown>()(one.exceptionNow())
  exactly<boolean>()(one.cancel('any reason'))
  exactly<AbortSignal>()(one.signal)
  const remove = one.addDoneCallback((future) => exactly<Future<number>>()(future))
  remove()
  // A callback gets the very kind of future that it was added to.
  responses[0]?.addDoneCallback((future) => future.request.url)

  // @ts-expect-error -- no thenable
  exactly<unknown>()(one.then)
  // @ts-expect-error -- the outcome is the controller's to settle
  exactly<unknown>()(one.resolve)
  // @ts-expect-error -- milliseconds are a number
  await one.result({ timeout: '5' })
  // @ts-expect-error -- an option nobody knows
  await one.result({ timeoutMs: 5 })
  // @ts-expect-error -- the state is nobody's to set
  one.state = 'fulfilled'
}

export async function ofAll(): Promise<void> {
  exactly<[number, string]>()(await Future.all([one, two]))
  exactly<[number, string]>()(await Future.all([one, two] as const))
  exactly<string[]>()(await Future.all(many))
  exactly<(string | number)[]>()(await Future.all(mixed))
  exactly<string[]>()(await Future.all(new Set(many), { timeout: 5, signal: AbortSignal.abort() }))
  exactly<string | number>()(await Future.any([one, two]))
  exactly<string>()(await Future.any(many))
  exactly<string | number>()(await Future.any(mixed))

  // @ts-expect-error -- promises are no futures
  await Future.all([Promise.resolve(1)]) // eslint-disable-line @typescript-eslint/no-unsafe-class-instance-assignment -- the mistake in question
  // @ts-expect-error -- nor are values
  await Future.any([1])
  // @ts-expect-error -- one future is no list
  await Future.all(one)
}

export async function ofWait(): Promise<void> {
  const { done, notDone } = await wait(many, { returnWhen: 'FIRST_EXCEPTION', timeout: 5 })
  exactly<Set<Future<string>>>()(done)
  exactly<Set<Future<string>>>()(notDone)
  const extended = await wait(responses.map((future, i) => Object.assign(future, { i })))
  for (const future of extended.done) exactly<number>()(future.i)

  // @ts-expect-error -- no such condition
  await wait(many, { returnWhen: 'FIRST' })
  // @ts-expect-error -- lists are synchronous here
  await wait(asCompleted(many))
}

export async function ofAsCompleted(input: AsyncIterable<Future<string>>): Promise<void> {
  for await (const future of asCompleted(many)) exactly<Future<string>>()(future)
  for await (const future of asCompleted(mixed)) exactly<string | number>()(await future.result())
  for await (const future of asCompleted(input, { timeout: Infinity })) exactly<string>()(future.resultNow())

  // @ts-expect-error -- no iterable
  asCompleted(one)
  // @ts-expect-error -- no futures
  asCompleted(['https://example.com'])
}

export function ofControllers(): void {
  const controller = new FutureController<number>()
  exactly<Future<number>>()(controller.future)
  exactly<boolean>()(controller.start())
  exactly<boolean>()(controller.resolve(1))
  exactly<boolean>()(controller.reject(undefined))
  controller.onCancel((reason) => exactly<unknown>()(reason))

  // @ts-expect-error -- of another type
  controller.resolve('1')
}
