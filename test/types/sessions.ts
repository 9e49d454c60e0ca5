/* eslint-disable @typescript-eslint/no-deprecated -- a future is taken for its response */
// Sessions: what their futures hold, what hooks and listeners are told, and what a subclass may do.
import {
  asCompleted,
  FuturesSession,
  HTTPError,
  RequestError,
  Response,
  Session,
  taskReference,
  TooManyRedirectsError,
  type CancelEvent,
  type FailureEvent,
  type FuturesSessionOptions,
  type PreparedRequest,
  type Progress,
  type RequestOptions,
  type ResponseFuture,
  type RequestSpec,
  type ResponseHook,
  type SentHookContext,
  type SessionLike,
} from '../../src/index.ts'
import { exactly } from './exactly.ts'

interface User {
  name: string
}

const url = 'https://example.com/'
const session = new FuturesSession()

export async function responses(): Promise<void> {
  exactly<FuturesSession>()(session)
  exactly<ResponseFuture>()(session.get(url))
  const response = await session.post(new URL(url), { json: { a: 1 } }).result()
  exactly<Response>()(response)
  exactly<unknown>()(response.data)
  exactly<unknown>()(response.json())
  exactly<User>()(response.json<User>())
  exactly<string>()(response.text())
  exactly<Uint8Array>()(response.bytes())
  exactly<unknown>()(await session.get(url).json())
  exactly<User>()(await session.get(url).json<User>({ timeout: 5 }))
  exactly<string>()(await session.get(url).text())
  exactly<Uint8Array>()(await session.get(url).bytes())
  exactly<Response>()(await new Session().get(url))
  exactly<PreparedRequest>()(session.prepareRequest({ url }))
  exactly<ResponseFuture>()(session.send(session.prepareRequest({ url }), { stream: true }))

  // @ts-expect-error -- a future is no promise of a text
  const text: string = await session.get(url) // eslint-disable-line @typescript-eslint/await-thenable -- the mistake in question
  exactly<string>()(text)
  // @ts-expect-error -- nor a response
  exactly<number>()(session.get(url).status)
  const future = session.get(url)
  exactly<never>()(future.status)
  exactly<never>()(future.ok)
  exactly<never>()(future.headers)
  exactly<never>()(future.body)
  exactly<unknown>()(future.data)
  // @ts-expect-error -- nor a header
  future.headers.get('etag')
  exactly<{ id: number }>()(Object.assign(future, { data: { id: 1 } }).data)
  // @ts-expect-error -- a status is not to be changed
  response.status = 200
}

export async function data(): Promise<void> {
  const users = new FuturesSession<Response<User>>({
    hooks: { response: (response: Response<User>) => void (response.data = response.json<User>()) },
  })
  exactly<User>()((await users.get(url).result()).data)
  for await (const future of users.map([url])) exactly<string>()(future.resultNow().data.name)

  // @ts-expect-error -- it is a User
  exactly<number>()((await users.get(url).result()).data)
}

export async function extras(urls: string[]): Promise<void> {
  const futures = urls.map((each, i) => Object.assign(session.get(each), { i }))
  for await (const future of asCompleted(futures)) {
    exactly<number>()(future.i)
    exactly<string>()(future.request.url)
    exactly<Response>()(await future.result())
    exactly<User>()(await future.json<User>())
    // @ts-expect-error -- nobody attached that
    exactly<unknown>()(future.j)
  }
}

interface Job {
  id: number
}

/** `context` comes back as it was given. */
export async function contexts(job: Job, maybe: Job | undefined, prepared: PreparedRequest): Promise<void> {
  const future = session.get(url, { context: job, timeout: 5 })
  exactly<ResponseFuture<Response, Job>>()(future)
  exactly<number>()(future.request.context.id)
  exactly<{ id: number; tags: string[] }>()(session.post(url, { context: { id: 1, tags: ['a'] } }).request.context)
  exactly<Job>()(session.request('GET', url, { context: job }).request.context)
  exactly<Job>()(session.send(prepared, { context: job }).request.context)
  exactly<string>()(session.head(new URL(url), { context: 'text' }).request.context)
  exactly<unknown>()(session.get(url).request.context)
  exactly<unknown>()(session.get(url, { timeout: 5 }).request.context)
  const plain: ResponseFuture = future
  const futures: ResponseFuture[] = [plain, future]
  for await (const each of asCompleted([future])) exactly<Job>()(each.request.context)
  for await (const each of session.map(futures.map(({ request }) => request))) exactly<unknown>()(each.request.context)
  future.addDoneCallback(({ request }) => exactly<number>()(request.context.id))
  session.get(url, {
    context: job,
    hooks: {
      request: (_request, { context }) => exactly<Job>()(context),
      response: [(_response, { context }) => exactly<number>()(context.id)],
      error: (_error, { context }) => exactly<Job>()(context),
    },
  })
  session.hooks.response.push((_response, { context }: SentHookContext<Job>) => exactly<number>()(context.id))
  session.hooks.request.push((_request, { context }: SentHookContext<Job>) => exactly<number>()(context.id))
  await new Session().get(url, { context: job, hooks: { response: (_, { context }) => exactly<Job>()(context) } })

  // @ts-expect-error -- there may be none
  exactly<unknown>()(session.get(url, { context: maybe }).request.context.id)
  // @ts-expect-error -- it has no name
  exactly<unknown>()(future.request.context.name)
  // @ts-expect-error -- nobody said what it is
  exactly<unknown>()(session.get(url).request.context.id)
  // @ts-expect-error -- nor here
  exactly<unknown>()(plain.request.context.id)
  // @ts-expect-error -- misspelled
  session.get(url, { context: job, timout: 5 })
}

/** Pages are responses; `next` gets one, and says where it leads. */
export async function pages(job: Job): Promise<void> {
  for await (const page of session.paginate(url)) exactly<Response>()(page)
  for await (const page of session.paginate<User>(url)) exactly<User>()(page.data)
  const cursors = session.paginate(new URL(url), {
    method: 'POST',
    json: { size: 50 },
    context: job,
    hooks: { response: (_response, { context }) => exactly<Job>()(context) },
    next: (response) => {
      exactly<Response>()(response)
      const { cursor } = response.json<{ cursor?: string }>()
      return cursor === undefined ? undefined : { url, json: { cursor } }
    },
  })
  exactly<AsyncIterableIterator<Response, undefined> & AsyncDisposable>()(cursors)
  session.paginate(url, { next: async ({ links }) => links.next?.url })
  session.paginate(url, { next: () => {} })
  const byFetch = new FuturesSession({ session: { request: (_method: string, target: string | URL) => fetch(target) } })
  for await (const page of byFetch.paginate(url, { next: (response) => response.headers.get('x-next') }))
    exactly<globalThis.Response>()(page)

  // @ts-expect-error -- a URL, a request, or nothing
  session.paginate(url, { next: () => 5 })
  // @ts-expect-error -- misspelled
  session.paginate(url, { nextPage: () => undefined })
}

/** Both types written: of `response.data`, and of `context`. */
export async function written(job: Job): Promise<void> {
  exactly<ResponseFuture<Response<User>, Job>>()(session.get<User, Job>(url, { context: job }))
  exactly<ResponseFuture<Response<User>>>()(session.get<User>(url))
  exactly<User>()((await session.request<User>('GET', url).result()).data)
  exactly<Response<User>>()(await new Session().get<User>(url))
  exactly<Response<User>>()(await new Session().request<User, Job>('GET', url, { context: job }))
  const users = new FuturesSession<Response<User>>()
  exactly<ResponseFuture<Response<User>, Job>>()(users.get(url, { context: job }))
  exactly<ResponseFuture<Response<string>>>()(users.get<string>(url))

  // @ts-expect-error -- of another type
  session.get<User, Job>(url, { context: 5 })
  // @ts-expect-error -- what is expected of it does not make it so
  const wrong: ResponseFuture<Response<User>> = session.get(url)
  exactly<ResponseFuture<Response<User>>>()(wrong)
}

/** `map` has it from its input. */
export async function mappedContexts(
  jobs: Job[],
  later: AsyncIterable<{ url: URL; context: Job }>,
  specs: RequestSpec[],
): Promise<void> {
  for await (const future of session.map([{ url, context: { id: 1 } }])) exactly<number>()(future.request.context.id)
  for await (const { request } of session.map(jobs.map((context) => ({ url, context }))))
    exactly<Job>()(request.context)
  for await (const { request } of session.map(new Set([{ url, context: 'a' }]))) exactly<string>()(request.context)
  for await (const { request } of session.map(later, { ordered: true })) exactly<Job>()(request.context)
  function* generate(): Generator<RequestSpec<Job>> {
    for (const context of jobs) yield { url, context, method: 'PUT', json: context }
  }
  for await (const { request } of session.map(generate())) exactly<Job | undefined>()(request.context)
  async function* inferred() {
    for (const context of jobs) yield { url, context, headers: { 'X-Id': context.id } }
  }
  for await (const { request } of session.map(inferred())) exactly<number>()(request.context.id)
  for await (const { request } of session.map([{ url, context: 1 }, { url, context: 'a' }]))
    exactly<string | number>()(request.context) // prettier-ignore
  for await (const { request } of session.map([url, { url, context: 1 }]))
    exactly<number | undefined>()(request.context)
  for await (const future of session.map([url, new URL(url)])) exactly<ResponseFuture>()(future)
  for await (const { request } of session.map(specs)) exactly<unknown>()(request.context)
  session.map([{ url, hooks: { response: (response) => exactly<Response>()(response) }, auth: ['user', 'password'] }])

  // @ts-expect-error -- misspelled
  session.map([{ url, contxt: 1 }])
  // @ts-expect-error -- it is `data`
  session.map([{ url, body: 'x' }])
  // @ts-expect-error -- misspelled
  session.map(jobs.map((job) => ({ url, contxt: job })))
  // @ts-expect-error -- no request
  session.map([5])
}

/** A wrapper around fetch: the response is fetch's. */
export async function foreign(): Promise<void> {
  const wrapped: SessionLike<globalThis.Response> = {
    request: (method, target, { signal } = {}) => fetch(target, { method, signal: signal ?? null }),
  }
  const byFetch = new FuturesSession({ session: wrapped, maxWorkers: 4 })
  exactly<FuturesSession<globalThis.Response>>()(byFetch)
  exactly<globalThis.Response>()(await byFetch.get(url).result())
  exactly<ResponseFuture<globalThis.Response>>()(byFetch.delete(url))
  byFetch.on('response', ({ response }) => exactly<globalThis.Response>()(response))
  const inline = new FuturesSession({ session: { request: async () => 'text' } })
  exactly<string>()(await inline.get(url).result())

  // @ts-expect-error -- nothing that can request
  new FuturesSession({ session: { get: () => 1 } })
  // @ts-expect-error -- no promise
  new FuturesSession({ session: { request: () => 1 } })
}

export class PlainSubclass extends FuturesSession {
  override request(method: string, target: string | URL, options?: RequestOptions): ResponseFuture {
    const future = super.request(method, target, { ...options, priority: 1 })
    future.addDoneCallback((done) => done.request.method)
    return future
  }
}

export class GenericSubclass<R = Response> extends FuturesSession<R> {
  constructor(options: FuturesSessionOptions<R> = {}) {
    super(options)
  }

  override request(
    method: string,
    target: string | URL,
    options?: RequestOptions,
  ): ResponseFuture<R> & { asked: number } {
    return Object.assign(super.request(method, target, options), { asked: Date.now() })
  }
}

export class SessionSubclass extends Session {
  override async request(method: string, target: string | URL, options?: RequestOptions): Promise<Response> {
    return super.request(method, target, options)
  }
}

export function subclasses(): void {
  exactly<ResponseFuture>()(new PlainSubclass({ maxWorkers: 2 }).get(url))
  exactly<ResponseFuture & { asked: number }>()(new GenericSubclass().request('GET', url))
  exactly<ResponseFuture>()(new FuturesSession({ session: new SessionSubclass() }).get(url))
}

export function hooks(): void {
  const parse: ResponseHook = async (response, { request, session: inner, signal, attempt, context }) => {
    exactly<Response>()(response)
    exactly<PreparedRequest>()(request)
    exactly<Session>()(inner)
    exactly<AbortSignal>()(signal)
    exactly<number>()(attempt)
    exactly<unknown>()(context)
    return new Response({ status: 200 })
  }
  const reference = taskReference('file:///hooks.js', 'parse')
  session.hooks.response.push(parse, reference)
  session.hooks.request = (request) => request.headers.set('X-A', 'b')
  new FuturesSession({
    hooks: {
      request: [reference, (request, { attempt }) => request.headers.set('X-Attempt', String(attempt))],
      redirect: (response) => exactly<Response>()(response),
      response: [parse, () => undefined],
      error(error, { request }) {
        exactly<unknown>()(error)
        exactly<string>()(request.url)
        return error instanceof Error ? undefined : new Response()
      },
    },
  })

  // @ts-expect-error -- no such hook
  session.get(url, { hooks: { after: parse } })
  // @ts-expect-error -- it gets a response
  session.get(url, { hooks: { response: (_: number) => undefined } })
  // @ts-expect-error -- it returns a response or nothing
  session.get(url, { hooks: { response: () => 'text' } })
  // @ts-expect-error -- no function
  session.hooks.error.push('log')
}

/** The pattern of examples/refresh-token.mjs. */
export async function inner(): Promise<void> {
  let refreshing: Promise<boolean> | undefined
  const refresh = async (): Promise<boolean> => {
    const response = await session.session.get('token', { auth: null, params: { refresh: 1 } })
    exactly<Response>()(response)
    return response.ok
  }
  session.auth = async function* (request) {
    const response = yield request
    exactly<Response>()(response)
    if (response.status === 401) await (refreshing ??= refresh())
    yield request
  }
  session.auth = async function* (request): AsyncGenerator<PreparedRequest, void, Response> {
    exactly<number>()((yield request).status)
  }
  session.hooks.response.push(async (response, { session: inner }) => {
    response.data = await inner.get('more')
  })
  exactly<Response<User>>()(await new FuturesSession<Response<User>>().session.request('GET', url))
  exactly<Response>()(
    await new FuturesSession({ session: new SessionSubclass() }).session.send(session.prepareRequest({ url })),
  )
  const byFetch = new FuturesSession({ session: { request: (_method: string, target: string | URL) => fetch(target) } })
  exactly<globalThis.Response>()(await byFetch.session.request('GET', url))
  // @ts-expect-error -- a session of somebody else's has what it has
  byFetch.session.get(url)
}

export function events(): void {
  session.on('submit', ({ future, request }) => {
    exactly<ResponseFuture>()(future)
    exactly<string>()(request.method)
  })
  session.once('start', ({ future }) => exactly<ResponseFuture>()(future))
  session.on('retry', ({ attempt, delay }) => exactly<number>()(attempt + delay))
  session.on('redirect', ({ response, next }) => exactly<unknown>()(response ?? next))
  session.on('response', ({ response }) => exactly<Response>()(response))
  session.on('failure', (event) => exactly<FailureEvent<Response>>()(event))
  session.on('cancel', (event) => exactly<CancelEvent<Response>>()(event))
  session.on('unobserved', ({ error }) => exactly<unknown>()(error))
  session.on('progress', (progress) => exactly<Progress>()(progress))
  session.on('idle', ({ bytes }) => exactly<number>()(bytes))

  // @ts-expect-error -- no such event
  session.on('done', () => undefined)
  // @ts-expect-error -- a response has no error
  session.on('response', ({ error }) => error as unknown)
  // @ts-expect-error -- a listener of another event
  session.on('progress', (event: FailureEvent<Response>) => event)
}

export async function lifetime(): Promise<void> {
  using short = new FuturesSession()
  await using longer = new FuturesSession({ executor: short.executor })
  exactly<number>()(longer.cancelAll())
  exactly<Progress>()(longer.stats())
  await longer.onIdle()
  await short.close({ cancel: true, signal: AbortSignal.timeout(5) })

  // @ts-expect-error -- an option nobody knows
  await short.close({ wait: true })
}

/** Errors carry the response that the caller knows. */
export function readFailure(error: unknown): void {
  if (error instanceof HTTPError) {
    exactly<Response>()(error.response)
    exactly<number>()(error.response.status)
    exactly<{ message: string }>()(error.response.json<{ message: string }>())
  } else if (error instanceof TooManyRedirectsError) {
    exactly<Response>()(error.response)
  } else if (error instanceof RequestError) {
    exactly<Response | undefined>()(error.response)
    // @ts-expect-error there may be none
    error.response.text()
  }
}
