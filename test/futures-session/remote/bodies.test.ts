import { describe, expect, test } from 'vitest'
import { HTTPError, type Response } from '../../../src/index.ts'
import { closeRemoteSessionsAfterEach, hook, openRemote, serve } from '../../helpers/remote-sessions.ts'
import { readBody, type Handler } from '../../helpers/server.ts'
import { closeExecutorsAfterEach } from '../../helpers/thread-executors.ts'

closeExecutorsAfterEach()
closeRemoteSessionsAfterEach()

const size = 300_000
const text = 'x'.repeat(size)
const quick = { backoff: { base: 1, jitter: false } }

/** `/<status>` answers with it, `/then/<status>` redirects to that, each with a large body. */
const large: Handler = (request, response) => {
  const [, then, status] = /^(\/then)?\/(\d+)$/.exec(request.url!)!
  if (then === undefined) response.writeHead(Number(status)).end(text)
  else response.writeHead(302, { location: `/${status!}` }).end(text)
}

/** A session with one thread, and what is left there of what its hooks have remembered. */
function openOne(): { session: ReturnType<typeof openRemote>; bytesLeft: () => Promise<unknown> } {
  const session = openRemote({}, { threads: 1 })
  return { session, bytesLeft: () => session.executor.submit(hook('bytesLeft')).result() }
}

describe('The body of a response in a thread', () => {
  test('is moved with an HTTPError', async () => {
    const { url } = await serve(large)
    const { session, bytesLeft } = openOne()
    const hooks = { response: hook('remember') }
    const error = await session.get(`${url}/404`, { raiseForStatus: true, hooks }).exception()
    expect(error).toBeInstanceOf(HTTPError)
    expect((error as HTTPError).response.text()).toBe(text)
    expect(await bytesLeft()).toEqual([0])
  })

  test('is moved where another attempt follows', async () => {
    const { url } = await serve(large)
    const { session, bytesLeft } = openOne()
    const told: unknown[] = []
    session.on('retry', ({ response }) => told.push((response as Response).text()))
    const options = { auth: hook('rememberEach') as never, retry: { total: 1, ...quick } }
    expect(await session.get(`${url}/503`, options).text()).toBe(text)
    expect(told).toEqual([text])
    expect(await bytesLeft()).toEqual([0, 0])
  })

  test('stays where a redirect is followed: hooks find it in the history', async () => {
    const { url } = await serve(large)
    const { session, bytesLeft } = openOne()
    const told: unknown[] = []
    session.on('redirect', ({ response }) => told.push((response as Response).text()))
    const hooks = { redirect: hook('remember'), response: hook('describeContext') }
    const { data, history } = await session.get(`${url}/then/200`, { hooks }).result()
    expect(data).toMatchObject({ history: [text] })
    expect(told).toEqual([text])
    expect(history[0]!.text()).toBe(text)
    expect(await bytesLeft()).toEqual([size])
  })

  test('is copied if a hook has marked it as untransferable', async () => {
    const { url } = await serve(large)
    const { session, bytesLeft } = openOne()
    const hooks = { response: hook('keepContent') }
    const error = await session.get(`${url}/404`, { raiseForStatus: true, hooks }).exception()
    expect((error as HTTPError).response.text()).toBe(text)
    expect(await session.get(`${url}/200`, { hooks }).text()).toBe(text)
    expect(await bytesLeft()).toEqual([size, size])
  })
})

describe('What a hook in a thread has from its module', () => {
  test('is sent as the body of one request after the other', async () => {
    const bodies: number[] = []
    const { url } = await serve((request, response) => {
      void readBody(request).then((body) => {
        bodies.push(body.length)
        response.end('ok')
      })
    })
    const { session } = openOne()
    for (let i = 0; i < 3; i++) {
      const response = await session.put(url, { hooks: { request: hook('sendStock') } }).result()
      expect(response.request.body).toHaveLength(100_000)
    }
    expect(bodies).toEqual([100_000, 100_000, 100_000])
  })

  test('is the content of one response after the other', async () => {
    const { url } = await serve(large)
    const { session, bytesLeft } = openOne()
    for (let i = 0; i < 2; i++) {
      const response = await session.get(`${url}/200`, { hooks: { response: hook('answerFromStock') } }).result()
      expect(response.content).toHaveLength(100_000)
    }
    expect(await bytesLeft()).toEqual([100_000, 100_000])
  })
})
