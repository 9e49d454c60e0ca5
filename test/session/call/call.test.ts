import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SessionClosedError, TotalTimeoutError } from '../../../src/errors.ts'
import { Call } from '../../../src/session/call/call.ts'
import { RetryAttempt } from '../../../src/session/call/retry.ts'
import { Response } from '../../../src/session/response/response.ts'
import { Session, openCall } from '../../../src/session/session.ts'
import { fakeTime } from '../../helpers/fake-time.ts'
import { gate } from '../../helpers/gate.ts'
import { startServer } from '../../helpers/server.ts'
import type { Handler, TestServer } from '../../helpers/server.ts'

let server: TestServer
let session: Session
let handler: Handler

beforeEach(async () => {
  handler = (_, response) => response.end('ok')
  server = await startServer((request, response) => handler(request, response))
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await server.close()
})

describe('openCall', () => {
  it('does nothing until the first attempt', async () => {
    const call = openCall(session, { url: 'nonsense' }, {})

    expect(call).toBeInstanceOf(Call)
    await expect(call.attempt()).rejects.toThrow(/nonsense/)
  })

  it('attempt() gives the response, or why to call it again', async () => {
    handler = (_, response) => response.writeHead(server.seen.length === 1 ? 503 : 200).end()
    const retry = { total: 1, backoff: { base: 40, jitter: false } }
    const call = openCall(session, { method: 'GET', url: server.url, retry }, {})

    const first = await call.attempt()
    const second = await call.attempt()

    expect(first).toBeInstanceOf(RetryAttempt)
    expect(first).toMatchObject({ kind: 'retry', delay: 40, response: { status: 503 }, error: undefined })
    expect(second).toBeInstanceOf(Response)
    expect(second).toMatchObject({ status: 200 })
  })

  it('tells the observer of redirects and of the bytes of bodies', async () => {
    handler = (request, response) => {
      if (request.url === '/go') response.writeHead(302, { location: '/end' }).end('hop')
      else response.end('12345')
    }
    const seen: unknown[] = []
    const observer = {
      redirected: (response: Response, next: { url: string }) => seen.push([response.status, next.url]),
      received: (bytes: number) => seen.push(bytes),
    }

    await openCall(session, { url: `${server.url}/go` }, observer).attempt()
    const streamed = await openCall(session, { url: server.url, stream: true }, observer).attempt()
    expect(seen).toEqual([3, [302, `${server.url}/end`], 5])
    await (streamed as Response).read()

    await expect.poll(() => seen.at(-1)).toBe(5)
    expect(seen).toHaveLength(4)
  })

  it('abort() rejects the running attempt with exactly that error', async () => {
    const arrived = gate()
    handler = () => arrived.open()
    const call = openCall(session, { url: server.url }, {})
    const attempt = call.attempt()
    await arrived.promise
    const reason = new Error('mine')

    call.abort(reason)

    await expect(attempt).rejects.toBe(reason)
    await expect(call.attempt()).rejects.toBe(reason)
  })

  it('abort() waits for a hook that has not ended: the attempt is not over before', async () => {
    const entered = gate()
    const leave = gate()
    const hook = async (): Promise<void> => {
      entered.open()
      await leave.promise
    }
    const call = openCall(session, { url: server.url, hooks: { response: hook } }, {})
    let isOver = false
    const attempt = call.attempt().finally(() => (isOver = true))
    attempt.catch(() => undefined)
    await entered.promise

    call.abort('stop')
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    leave.open()

    await expect(attempt).rejects.toBe('stop')
  })

  it('abort() ends a body that is still coming in, and does nothing to one that is in', async () => {
    handler = (request, response) => {
      if (request.url === '/all') response.end('all')
      else response.write('never ends')
    }
    const open = openCall(session, { url: server.url, stream: true }, {})
    const reading = ((await open.attempt()) as Response).read()
    const done = openCall(session, { url: `${server.url}/all` }, {})
    const response = (await done.attempt()) as Response

    open.abort('stop')
    done.abort('stop')

    await expect(reading).rejects.toBe('stop')
    expect(response.text()).toBe('all')
  })

  it.each<[string, Handler]>([
    ['a response', (_, response) => response.writeHead(503).end()],
    ['an error', (request) => request.socket.destroy()],
  ])('the total timeout tells the observer, also while no attempt runs: after %s', async (_, answer) => {
    handler = answer
    const abandoned = vi.fn()
    const retry = { total: 1, backoff: { base: 60_000, max: 60_000, jitter: false } }
    fakeTime.enable()
    try {
      const call = openCall(session, { url: server.url, retry, timeout: { total: 60 } }, { abandoned })
      expect(await call.attempt()).toBeInstanceOf(RetryAttempt)

      fakeTime.tick(59)
      expect(abandoned).not.toHaveBeenCalled()
      fakeTime.tick(1)

      expect(abandoned).toHaveBeenCalledExactlyOnceWith(expect.any(TotalTimeoutError))
      await expect(call.attempt()).rejects.toBe(abandoned.mock.calls[0]![0])
    } finally {
      fakeTime.disable()
    }
  })

  it('does not listen to the signal of the options', async () => {
    const call = openCall(session, { url: server.url, signal: AbortSignal.abort() }, {})

    expect(await call.attempt()).toMatchObject({ status: 200 })
  })

  it('takes a prepared request, and options to send it with', async () => {
    const request = session.prepareRequest({ url: `${server.url}/p` })

    expect(await openCall(session, request, {}, { context: 1 }).attempt()).toMatchObject({ url: `${server.url}/p` })
  })

  it('rejects on a closed session', async () => {
    await session.close()

    await expect(openCall(session, { url: server.url }, {}).attempt()).rejects.toThrow(SessionClosedError)
  })
})
