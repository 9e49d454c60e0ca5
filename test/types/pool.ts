// Pool and map: which session makes which responses.
import { Session, type RequestOptions, type RequestSpec, type Response } from '../../src/index.ts'
import { map, Pool, ThreadException, type Job, type ThreadResponse } from '../../src/pool/index.ts'
import { exactly } from './exactly.ts'

const url = 'https://example.com/'

class FetchSession {
  readonly count = 1

  request(method: string, target: string | URL, _options?: RequestOptions): Promise<globalThis.Response> {
    return fetch(target, { method })
  }
}

export async function ofSessions(): Promise<void> {
  const pool = new Pool({
    jobQueue: [{ url, method: 'POST', json: 1 }],
    initializer: (session, key: string) => {
      exactly<Session>()(session)
      session.headers.set('X-Api-Key', key)
    },
    initargs: ['key'],
    authGenerator: (session) => (session.auth = ['user', 'password']),
  })
  exactly<Pool>()(pool)
  for await (const response of pool.responses()) {
    exactly<ThreadResponse>()(response)
    exactly<number>()(response.status + response.attempts)
    exactly<Response>()(response.response)
    exactly<RequestSpec>()(response.requestKwargs)
    const plain: Response = response
    plain.raiseForStatus()
  }
  for await (const exception of pool.exceptions()) {
    exactly<ThreadException>()(exception)
    exactly<unknown>()(exception.exception)
    exactly<Job>()(exception.request)
    pool.put(exception)
  }
  exactly<ThreadResponse | undefined>()(pool.getResponse())
  exactly<ThreadException | undefined>()(pool.getException())
  exactly<number>()(pool.stats().cancelled)
  await Pool.fromExceptions([new ThreadException({ url }, 1)]).joinAll()
}

export async function ofOthers(): Promise<void> {
  const pool = new Pool({
    session: () => new FetchSession(),
    initializer: (session) => exactly<number>()(session.count),
  })
  exactly<Pool<FetchSession>>()(pool)
  exactly<globalThis.Response | undefined>()(pool.getResponse()?.response)
  exactly<boolean | undefined>()(pool.getResponse()?.bodyUsed)
  const fromUrls = Pool.fromUrls(
    new Set([url, new URL(url)]),
    { timeout: 5 },
    { session: async () => new FetchSession() },
  )
  exactly<Pool<FetchSession>>()(fromUrls)
  const [responses, exceptions] = map([{ url }], { session: () => new FetchSession(), numProcesses: 2 })
  for await (const response of responses) exactly<globalThis.Response>()(response.response)
  for await (const exception of exceptions) exactly<number>()(exception.attempts)
  for await (const response of map([{ url }])[0]) exactly<ThreadResponse>()(response)
}

export function refused(): void {
  // @ts-expect-error -- a factory, not a session
  new Pool({ session: new Session() })
  // @ts-expect-error -- misspelled
  new Pool({ numProcess: 2 })
  // @ts-expect-error -- jobs have a URL
  new Pool({ jobQueue: [{ method: 'GET' }] })
  // @ts-expect-error -- jobs are objects
  new Pool().put(url)
  // @ts-expect-error -- the jobs are the first argument
  map([{ url }], { jobQueue: [] })
  // @ts-expect-error -- an option nobody knows
  Pool.fromUrls([url], { body: 'x' })
}
