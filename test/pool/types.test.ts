/** What TypeScript makes of the pool: `npm run check` compiles it; run, it only makes and cancels. */
import { expectTypeOf, test } from 'vitest'
import { taskReference, type RequestSpec, type Response, type Session, type SessionLike } from '../../src/index.ts'
import { map, Pool, ThreadException, type Job, type ThreadResponse } from '../../src/pool/index.ts'

test('Pool gives our responses by default', () => {
  const pool = new Pool({ jobQueue: [{ url: 'http://x', method: 'POST', json: {} }] })
  expectTypeOf(pool).toEqualTypeOf<Pool>()
  expectTypeOf(pool.responses().next).returns.resolves.toEqualTypeOf<IteratorResult<ThreadResponse, undefined>>()
  expectTypeOf(pool.exceptions().next).returns.resolves.toEqualTypeOf<IteratorResult<ThreadException, undefined>>()
  expectTypeOf(pool.getResponse()).toEqualTypeOf<ThreadResponse | undefined>()
  expectTypeOf<ThreadResponse>().toExtend<Response & { readonly attempts: number }>()
  expectTypeOf<ThreadResponse['response']>().toEqualTypeOf<Response>()
  expectTypeOf<Job>().toEqualTypeOf<RequestSpec>()
  pool.cancel()
})

test('Pool gives what its sessions answer', () => {
  const fetching = { request: (method: string, url: string | URL) => fetch(url, { method }), extra: 1 }
  const pool = new Pool({
    session: () => fetching,
    initializer: (session) => expectTypeOf(session.extra).toEqualTypeOf<number>(),
  })
  expectTypeOf(pool.getResponse()).toExtend<globalThis.Response | undefined>()
  const texts: SessionLike<string> = { request: async () => 'text' }
  const [responses] = map([{ url: 'http://x' }], { session: async () => texts })
  expectTypeOf(responses.next).returns.resolves.toHaveProperty('value')
  expectTypeOf<ThreadResponse<string>['response']>().toEqualTypeOf<string>()
  pool.cancel()
  void responses.return?.()
})

test('initializers name the types of their initargs', () => {
  const pool = new Pool({
    initializer(session, key: string, version: number) {
      expectTypeOf(session).toEqualTypeOf<Session>()
      session.headers.set('X-Key', `${key} ${version}`)
    },
    initargs: ['key', 1],
    authGenerator: taskReference('node:util', 'inspect'),
  })
  pool.cancel()
})

test('jobs, URLs and exceptions are what they are made of', () => {
  const exception = new ThreadException({ url: 'http://x' }, new Error('e'))
  const pool = Pool.fromExceptions([exception], { numProcesses: 1 })
  pool.put(exception)
  pool.put({ url: new URL('http://x') })
  // @ts-expect-error a job has a URL
  pool.put({ method: 'GET' })
  const urls = Pool.fromUrls(new Set(['http://x', new URL('http://x')]), { method: 'HEAD', timeout: 5 })
  // @ts-expect-error the URLs are the jobs
  Pool.fromUrls([], {}, { jobQueue: [] }).cancel()
  expectTypeOf(exception.code).toEqualTypeOf<string | number | undefined>()
  pool.cancel()
  urls.cancel()
})
