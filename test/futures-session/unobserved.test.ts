import { afterEach, describe, expect, test, vi } from 'vitest'
import { asCompleted, Future, FuturesSession, wait } from '../../src/index.ts'
import { turn } from '../helpers/gate.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const failing = { request: (_method: string, url: string | URL) => Promise.reject(new Error(`no ${String(url)}`)) }

describe('FuturesSession, failures that nobody asked for', () => {
  test('are warned of when the session is closed, with method and URL, without credentials', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const session = new FuturesSession<never>({ session: failing })
    session.post('http://user:secret@x/1')
    const asked = session.get('http://x/2')
    await asked.exception()
    await session.close()
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]![0]).toContain('POST http://x/1 failed')
    expect(String(warn.mock.calls[0]![0]).split(':')[0]).not.toContain('secret')
    expect(warn.mock.calls[0]![1]).toMatchObject({ type: 'UnobservedFailureWarning' })
  })

  test('are named by their type where they are no errors', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const session = new FuturesSession<never>({ session: { request: () => Promise.reject('a text') } })
    session.get('http://x/1')
    await session.close()
    expect(warn.mock.calls[0]![0]).toBe('GET http://x/1 failed, and nobody asked for it: string')
  })

  test('are told to a listener instead, once per future, at dispose too', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const session = new FuturesSession<never>({ session: failing })
    const seen: unknown[] = []
    session.on('unobserved', ({ request, error }) => seen.push([request.url, String(error)]))
    session.get('http://x/1')
    await turn()
    session[Symbol.dispose]()
    await session[Symbol.asyncDispose]()
    expect(seen).toEqual([['http://x/1', 'Error: no http://x/1']])
    expect(warn).not.toHaveBeenCalled()
  })

  test('are not reported once somebody asked: by result, exception, their twins, all, any or json', async () => {
    const session = new FuturesSession<never>({ session: failing })
    const seen: unknown[] = []
    session.on('unobserved', ({ request }) => seen.push(request.url))
    const futures = Array.from({ length: 7 }, (_, i) => session.get(`http://x/${i}`))
    await wait(futures)
    await futures[0]!.result().catch(() => {})
    await futures[1]!.exception()
    expect(() => futures[2]!.resultNow()).toThrow()
    futures[3]!.exceptionNow()
    await Future.all([futures[4]!]).catch(() => {})
    await Future.any([futures[5]!]).catch(() => {})
    await futures[6]!.json().catch(() => {})
    const looked = session.get('http://x/looked')
    await wait([looked])
    for await (const future of asCompleted([looked])) expect(future.state).toBe('rejected')
    await session.close()
    expect(seen).toEqual(['http://x/looked'])
  })

  test('are held up to 1 000: older ones are reported then', async () => {
    const session = new FuturesSession<never>({ session: failing, maxWorkers: 100 })
    const seen: unknown[] = []
    session.on('unobserved', ({ request }) => seen.push(request.context))
    const futures = Array.from({ length: 1003 }, (_, context) => session.get('http://x/', { context }))
    await wait(futures)
    expect(seen).toEqual([0, 1, 2])
    await session.close()
    expect(seen).toHaveLength(1003)
  })

  test('never become an unhandledRejection, and cancelled ones are no failures', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const session = new FuturesSession<never>({ session: failing, unobserved: 'ignore' })
    session.get('http://x/1')
    session.get('http://x/2').cancel()
    await session.close()
    await turn()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(warn).not.toHaveBeenCalled()
  })
})
