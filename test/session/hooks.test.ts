import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CancelledError, ConnectionError, HTTPError, InvalidURLError, MissingSchemaError } from '../../src/errors.ts'
import type { HookContext } from '../../src/session/hooks.ts'
import { PreparedRequest } from '../../src/session/prepared-request.ts'
import { Response } from '../../src/session/response/response.ts'
import { Session } from '../../src/session/session.ts'
import { taskReference } from '../../src/task-reference.ts'
import { gate, turn, type Gate } from '../helpers/gate.ts'
import { startServer } from '../helpers/server.ts'
import type { Handler, TestServer } from '../helpers/server.ts'

let server: TestServer
let session: Session
let handler: Handler

beforeEach(async () => {
  handler = (request, response) => {
    if (request.url === '/go') response.writeHead(302, { location: '/end' }).end('hop')
    else response.end(`${request.url ?? ''} ${String(request.headers['x-a'])}`)
  }
  server = await startServer((request, response) => handler(request, response))
  session = new Session()
})
afterEach(async () => {
  await session.close()
  await server.close()
})

const fixture = new URL('../fixtures/session-callables.mjs', import.meta.url)
const refused = 'http://127.0.0.1:1/'

describe('response hooks', () => {
  it("run in order, the session's first, on the response that the caller gets, its body read", async () => {
    const seen: string[] = []
    session.hooks.response = [
      (response) => void seen.push(`s1 ${response.text()}`),
      async (response) => {
        await Promise.resolve()
        seen.push(`s2 ${response.status}`)
      },
    ]

    await session.get(`${server.url}/go`, { hooks: { response: (response) => void seen.push(`r ${response.url}`) } })

    expect(seen).toEqual(['s1 /end undefined', 's2 200', `r ${server.url}/end`])
  })

  it('are told request, session, signal, attempt and context', async () => {
    let context: HookContext | undefined
    const response = await session.get(server.url, {
      context: { job: 7 },
      hooks: { response: (_, given) => void (context = given) },
    })

    expect(context).toMatchObject({ attempt: 1, context: { job: 7 } })
    expect(context?.session).toBe(session)
    expect(context?.request).toBe(response.request)
    expect(context?.signal).toBeInstanceOf(AbortSignal)
    expect(context?.signal).toBe(context?.signal)
    expect(context?.signal.aborted).toBe(false)
  })

  it('that return a Response replace it, for the next hook and for the caller', async () => {
    const replacement = new Response({ status: 201 })
    const seen: number[] = []

    const response = await session.get(server.url, {
      hooks: { response: [() => replacement, ({ status }) => void seen.push(status)] },
    })

    expect(response).toBe(replacement)
    expect(seen).toEqual([201])
  })

  it.each([null, 5, 'x', {}, true])('that return %j fail the request with a TypeError', async (value) => {
    await expect(session.get(server.url, { hooks: { response: () => value as never } })).rejects.toThrow(TypeError)
    await expect(session.get(server.url, { hooks: { response: async () => value as never } })).rejects.toThrow(
      TypeError,
    )
  })

  it('that throw fail the request with what they throw', async () => {
    const boom = new Error('boom')
    const late: number[] = []
    const hooks = { response: [() => Promise.reject(boom), () => void late.push(1)] }

    await expect(session.get(server.url, { hooks })).rejects.toBe(boom)
    expect(late).toEqual([])
    expect((await session.get(server.url)).status).toBe(200)
  })

  it('attach data', async () => {
    const response = await session.get(server.url, { hooks: { response: (r) => void (r.data = r.text().length) } })

    expect(response.data).toBe(11)
  })

  it('may be task references, called with their own arguments first', async () => {
    session.hooks.response.push(taskReference(fixture, 'tag', 's'))
    const response = await session.get(server.url, { hooks: { response: taskReference(fixture, 'tag', 'r') } })

    expect(response.data).toEqual(['s', 'r'])
    const missing = session.get(server.url, { hooks: { response: taskReference(fixture, 'nothing') } })
    await expect(missing).rejects.toThrow(/nothing/)
  })

  it('run before the body is read with stream: true; a body that gets replaced is closed', async () => {
    const rest = gate()
    handler = (_, response) => {
      response.write('never ends')
      void rest.promise.then(() => response.end())
    }
    const response = await session.get(server.url, {
      stream: true,
      hooks: { response: ({ status }) => new Response({ status, content: 'instead' }) },
    })

    expect(response.text()).toBe('instead')
    rest.open()
  })

  it('run in the async context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const note = (): void => void seen.push(storage.getStore())
    session.hooks.request = note
    session.hooks.redirect = note
    session.hooks.response = note
    session.hooks.error = note

    await Promise.all([
      storage.run('a', () => session.get(`${server.url}/go`)),
      storage.run('b', () => session.get(refused).catch(() => undefined)),
    ])

    expect(seen.sort()).toEqual(['a', 'a', 'a', 'a', 'b', 'b'])
  })
})

describe('request hooks', () => {
  it('see and edit the request before each send, authentication included', async () => {
    const seen: string[] = []
    session.hooks.request = (request) => void seen.push(`${request.url} ${request.headers.get('authorization') ?? '-'}`)

    const response = await session.get(`${server.url}/go`, {
      auth: (request) => request.headers.set('Authorization', 'T'),
      hooks: { request: (request) => request.headers.append('X-A', '1') },
    })

    expect(seen).toEqual([`${server.url}/go T`, `${server.url}/end T`])
    expect(response.text()).toBe('/end 1')
    expect(response.request.headers.get('x-a')).toBe('1')
  })

  it('may change URL, method and body, or return another request', async () => {
    handler = (request, response) => {
      request.on('data', () => undefined).on('end', () => response.end(`${request.method} ${request.url}`))
    }
    const changing = (request: PreparedRequest): void => {
      request.method = 'PUT'
      request.url = `${server.url}/changed`
      request.body = 'text'
    }
    const replacing = (): PreparedRequest => new PreparedRequest({ url: `${server.url}/other` })

    expect((await session.get(`${server.url}/x`, { hooks: { request: changing } })).text()).toBe('PUT /changed')
    expect((await session.get(`${server.url}/x`, { hooks: { request: replacing } })).text()).toBe('GET /other')
    await expect(session.get(server.url, { hooks: { request: () => 5 as never } })).rejects.toThrow(/PreparedRequest/)
  })

  it('see the cookies, and may take them away', async () => {
    if (session.cookies) session.cookies.setCookieSync('a=1', server.url)
    let cookie: string | undefined
    handler = (request, response) => response.end(request.headers.cookie ?? 'none')

    const response = await session.get(server.url, {
      hooks: {
        request: (request) => {
          cookie = request.headers.get('cookie')
          request.headers.delete('cookie')
        },
      },
    })

    expect([cookie, response.text()]).toEqual(['a=1', 'none'])
  })
})

describe('redirect hooks', () => {
  it('see each hop that is followed', async () => {
    const seen: (string | number)[][] = []
    const response = await session.get(`${server.url}/go`, {
      hooks: { redirect: ({ status, url }, { request }) => void seen.push([status, url, request.url]) },
    })

    expect(seen).toEqual([[302, `${server.url}/go`, `${server.url}/go`]])
    expect(response.url).toBe(`${server.url}/end`)
    await session.get(`${server.url}/go`, { allowRedirects: false, hooks: { redirect: () => expect.unreachable() } })
  })

  it('may send it elsewhere, or end it', async () => {
    const elsewhere = new Response({ status: 302, headers: { location: '/elsewhere' } })
    const response = await session.get(`${server.url}/go`, { hooks: { redirect: () => elsewhere } })
    expect(response.url).toBe(`${server.url}/elsewhere`)
    expect(response.history).toEqual([elsewhere])

    const enough = new Response({ status: 204 })
    expect(await session.get(`${server.url}/go`, { hooks: { redirect: () => enough } })).toBe(enough)
  })
})

describe('error hooks', () => {
  it('see what the request is about to fail with', async () => {
    const seen: unknown[] = []
    const hooks = { error: (error: unknown, context: HookContext) => void seen.push(error, context.request) }

    const failing = session.post(refused, { hooks })

    await expect(failing).rejects.toThrow(ConnectionError)
    expect(seen[0]).toBe(await failing.catch((error: unknown) => error))
    expect(seen[1]).toMatchObject({ method: 'POST', url: refused })
  })

  it('may recover with a Response; the first one that does decides', async () => {
    const seen: string[] = []
    session.hooks.error = () => void seen.push('session')

    const response = await session.get(refused, {
      raiseForStatus: true,
      hooks: { error: [() => new Response({ status: 503, content: 'cached' }), () => void seen.push('late')] },
    })

    expect(response.text()).toBe('cached')
    expect(seen).toEqual(['session'])
  })

  it('see failures of preparing, with method and URL', async () => {
    const seen: unknown[] = []
    session.hooks.error = (error, { request }) => void seen.push(error, request)

    await expect(session.get('http://u:s3cret@h:99999/')).rejects.toThrow(InvalidURLError)

    expect(seen[0]).toBeInstanceOf(InvalidURLError)
    expect(seen[1]).toEqual({ method: 'GET', url: 'http://h:99999/' })
  })

  it("see failures of preparing as the request's own, too", async () => {
    const response = await session.get('nowhere', {
      context: 7,
      hooks: { error: (error, { context }) => new Response({ data: [error, context] }) },
    })

    expect(response.data).toEqual([expect.any(MissingSchemaError), 7])
  })

  it('see the HTTPError of raiseForStatus, after the response hooks', async () => {
    handler = (_, response) => response.writeHead(500).end()
    const seen: string[] = []
    const hooks = {
      response: () => void seen.push('response'),
      error: (error: unknown) => {
        seen.push((error as Error).constructor.name)
        return error instanceof HTTPError ? error.response : undefined
      },
    }

    expect((await session.get(server.url, { raiseForStatus: true, hooks })).status).toBe(500)
    expect(seen).toEqual(['response', 'HTTPError'])
  })

  it('that throw or return something else fail the request with that', async () => {
    const boom = new Error('boom')
    const throwing = session.get(refused, { hooks: { error: () => Promise.reject(boom) } })
    await expect(throwing).rejects.toBe(boom)
    await expect(session.get(refused, { hooks: { error: () => 5 as never } })).rejects.toThrow(TypeError)
  })

  it('do not see a cancellation', async () => {
    const hooks = { error: () => expect.unreachable() }
    const controller = new AbortController()
    handler = () => controller.abort()

    await expect(session.get(server.url, { signal: controller.signal, hooks })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})

describe('Once the request is cancelled', () => {
  const globals = globalThis as { hookModule?: { begun: Gate; end: Gate; calls: string[] } }
  const source = `
    globalThis.hookModule.begun.open()
    await globalThis.hookModule.end.promise
    export const late = () => void globalThis.hookModule.calls.push('late')`

  afterEach(() => delete globals.hookModule)

  it('no other hook begins', async () => {
    const seen: string[] = []
    const controller = new AbortController()
    const left = gate()
    const first = async (): Promise<void> => {
      controller.abort()
      await Promise.resolve()
      left.open()
    }
    const hooks = { response: [first, () => void seen.push('second')] }

    await expect(session.get(server.url, { signal: controller.signal, hooks })).rejects.toThrow(CancelledError)
    await left.promise
    await turn()

    expect(seen).toEqual([])
  })

  it.each<[string, (late: never) => object]>([
    ['hook', (late) => ({ hooks: { response: late } })],
    ['error hook', (late) => ({ hooks: { error: late }, raiseForStatus: true })],
    ['auth function', (late) => ({ auth: late })],
  ])('no %s begins whose module was being loaded', async (name, optionsWith) => {
    handler = (_, response) => response.writeHead(500).end()
    const { begun, end, calls } = (globals.hookModule = { begun: gate(), end: gate(), calls: [] })
    const module = `data:text/javascript,${encodeURIComponent(`${source} // ${name}`)}`
    const controller = new AbortController()
    const options = optionsWith(taskReference(module, 'late') as never)
    const running = session.get(server.url, { signal: controller.signal, ...options })
    await begun.promise

    controller.abort()
    await expect(running).rejects.toThrow(CancelledError)
    end.open()
    await import(/* @vite-ignore */ module)
    await turn()

    expect(calls).toEqual([])
  })
})
