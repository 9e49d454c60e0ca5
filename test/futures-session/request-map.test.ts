import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import type { RequestOptions, ResponseFuture } from '../../src/index.ts'
import { FuturesSession, InProcessExecutor, SessionClosedError } from '../../src/index.ts'
import { gate, turn, until } from '../helpers/gate.ts'
import { GatedSession } from '../helpers/gated-session.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function open(inner: GatedSession, options: object = {}): FuturesSession<string> {
  const session = new FuturesSession<string>({ session: inner, maxWorkers: 2, unobserved: 'ignore', ...options })
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

/** Endless URLs, and how many were read; notes when it is told to stop. */
function endless() {
  const state = { read: 0, returned: 0 }
  function* urls() {
    try {
      for (;;) yield `http://x/${state.read++}`
    } finally {
      state.returned++
    }
  }
  return Object.assign(state, { urls })
}

describe('FuturesSession.map()', () => {
  test('holds at most 1 000 requests where there is no limit of workers', async () => {
    const inner = new GatedSession()
    const input = endless()
    const iterator = open(inner, { maxWorkers: Infinity }).map(input.urls())
    const first = iterator.next()
    await until(() => input.read === 1000)
    await turn()
    expect(input.read).toBe(1000)
    await iterator.return?.()
    expect(await first).toEqual({ done: true, value: undefined })
  })

  test('tries again where others fill the queue, and nothing of its own is under way', async () => {
    const [inner, work] = [new GatedSession(), gate<number>()]
    const executor = new InProcessExecutor({ maxWorkers: 1, maxQueue: 1 })
    cleanups.push(() => executor.shutdown())
    const session = open(inner, { executor, maxWorkers: undefined })
    const running = executor.submit(() => work.promise)
    await turn()
    const waiting = executor.submit(() => 2)
    const iterator = session.map(['http://x/1'])
    const first = iterator.next()
    await turn()
    expect(session.stats().submitted).toBe(0)
    work.open(1)
    expect([await running.result(), await waiting.result()]).toEqual([1, 2])
    await until(() => session.stats().running === 1)
    session.cancelAll()
    expect((await first).value?.cancelled()).toBe(true)
  })

  test('reads its input lazily: at most bufferSize requests exist that are not handed out', async () => {
    const inner = new GatedSession()
    const input = endless()
    const iterator = open(inner).map(input.urls(), { bufferSize: 3 })
    await turn()
    expect(input.read).toBe(0)
    const first = iterator.next()
    await turn()
    expect(input.read).toBe(3)
    inner.answerAll()
    expect((await first).value!.resultNow()).toBe('http://x/0')
    await turn()
    expect(input.read).toBe(4)
    inner.answerAll()
    await turn()
    expect(input.read).toBe(4)
    await iterator.return!()
    expect(input.returned).toBe(1)
  })

  test('bufferSize is twice the workers by default', async () => {
    const inner = new GatedSession()
    const input = endless()
    const iterator = open(inner, { maxWorkers: 5 }).map(input.urls())
    void iterator.next()
    await turn()
    expect(input.read).toBe(10)
    await iterator.return!()
  })

  test('delivers in order of completion, or of the input with `ordered`', async () => {
    for (const ordered of [false, true]) {
      const inner = new GatedSession()
      const session = open(inner, { maxWorkers: 3 })
      const seen: string[] = []
      const loop = (async () => {
        for await (const future of session.map(['http://x/0', 'http://x/1', 'http://x/2'], { ordered })) {
          seen.push(future.resultNow().slice(-1))
        }
      })()
      await until(() => inner.requests.length === 3)
      for (const index of [2, 0, 1]) {
        inner.answer(index)
        await turn()
      }
      await loop
      expect(seen.join('')).toBe(ordered ? '012' : '201')
    }
  })

  test('takes URLs, URL objects, specs, and async inputs', async () => {
    const inner = new GatedSession()
    const session = open(inner)
    async function* inputs() {
      yield 'http://x/a'
      yield new URL('http://x/b')
      yield { url: 'http://x/c', method: 'POST', context: 3 }
      await turn()
    }
    const seen: unknown[] = []
    const loop = (async () => {
      for await (const future of session.map(inputs())) {
        seen.push([future.request.method, future.request.url, future.request.context])
      }
    })()
    while (seen.length < 3) {
      inner.answerAll()
      await turn()
    }
    await loop
    expect(seen).toEqual([
      ['GET', 'http://x/a', undefined],
      ['GET', 'http://x/b', undefined],
      ['POST', 'http://x/c', 3],
    ])
  })

  test('what is no request is a failed future, so that nothing is lost', async () => {
    const session = new FuturesSession({ unobserved: 'ignore' })
    cleanups.push(() => session.close())
    const states: string[] = []
    for await (const future of session.map([42, null, {}, 'nope'] as never)) states.push(future.state)
    expect(states).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
  })

  test('leaving early cancels what it started and calls return() of the input', async () => {
    const inner = new GatedSession()
    const input = endless()
    const session = open(inner)
    const loop = (async () => {
      for await (const future of session.map(input.urls())) {
        expect(future.state).toBe('fulfilled')
        break
      }
    })()
    await until(() => inner.requests.length === 2)
    inner.answer(0)
    await loop
    expect(input.returned).toBe(1)
    expect(session.stats()).toMatchObject({ pending: 0, running: 0, fulfilled: 1 })
  })

  test('leaving early does not wait for an input that is at work', async () => {
    const idle = gate()
    let isClosed = false
    async function* input(): AsyncGenerator<string> {
      try {
        yield 'http://x/1'
        await idle.promise
      } finally {
        isClosed = true
      }
    }
    const inner = new GatedSession()
    const futures = open(inner).map(input())
    const first = futures.next()
    await until(() => inner.requests.length === 1)
    inner.answer(0)
    await first
    await futures.return?.()
    expect(isClosed).toBe(false)
    idle.open()
    await until(() => isClosed)
  })

  test('an input that fails after it was left disturbs nobody', async () => {
    const element = gate<IteratorResult<string>>()
    const input = {
      [Symbol.asyncIterator]: () => ({
        next: () => element.promise,
        return: () => Promise.reject(new Error('return')),
      }),
    }
    const session = open(new GatedSession())
    const iterator = session.map(input)
    const first = iterator.next()
    await iterator.return?.()
    element.fail(new Error('late'))
    await turn()
    expect(await first).toEqual({ done: true, value: undefined })
    expect(session.stats().submitted).toBe(0)
  })

  test('an input whose return() fails after an abort disturbs nobody: the reason is what is told', async () => {
    const controller = new AbortController()
    const input = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false as const, value: 'http://x/1' }),
        return: () => {
          throw new Error('return')
        },
      }),
    }
    const iterator = open(new GatedSession()).map(input, { signal: controller.signal })
    const first = iterator.next()
    controller.abort('enough')
    await expect(first).rejects.toBe('enough')
  })

  test('lets go of its signal when it has come to its end', async () => {
    const [inner, { signal }] = [new GatedSession(), new AbortController()]
    const iterator = open(inner).map(['http://x/1'], { signal })
    const first = iterator.next()
    await until(() => inner.requests.length === 1)
    inner.answer(0)
    expect((await first).value?.resultNow()).toBe('http://x/1')
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('an aborted signal does the same, and the iterator rejects with its reason', async () => {
    const inner = new GatedSession()
    const input = endless()
    const session = open(inner)
    const controller = new AbortController()
    const iterator = session.map(input.urls(), { signal: controller.signal })
    const next = iterator.next()
    await turn()
    controller.abort('stop')
    await expect(next).rejects.toBe('stop')
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(input.returned).toBe(1)
    expect(session.stats()).toMatchObject({ pending: 0, running: 0, cancelled: 4 })
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    await expect(session.map(['http://x/'], { signal: controller.signal }).next()).rejects.toBe('stop')
  })

  test('an input that throws ends it after what was started', async () => {
    const inner = new GatedSession()
    function* urls() {
      yield 'http://x/0'
      throw new Error('input')
    }
    const iterator = open(inner).map(urls())
    const first = iterator.next()
    const second = iterator.next()
    second.catch(() => {})
    await turn()
    inner.answerAll()
    expect((await first).value!.state).toBe('fulfilled')
    await expect(second).rejects.toThrow('input')
    expect((await iterator.next()).done).toBe(true)
  })

  test('takes a full queue as back-pressure, of its own executor or a shared one', async () => {
    const inner = new GatedSession()
    const session = open(inner, { maxWorkers: 1, maxQueue: 1 })
    const urls = Array.from({ length: 6 }, (_, i) => `http://x/${i}`)
    const seen: string[] = []
    const loop = (async () => {
      for await (const future of session.map(urls, { bufferSize: 5 })) seen.push(future.state)
    })()
    while (seen.length < 6) {
      inner.answerAll()
      await turn()
    }
    await loop
    expect(seen).toEqual(urls.map(() => 'fulfilled'))
    expect(session.stats()).toMatchObject({ submitted: 6, fulfilled: 6, rejected: 0 })

    const executor = new InProcessExecutor({ maxWorkers: 1, maxQueue: 1 })
    cleanups.push(() => executor.shutdown())
    let open1!: () => void
    const blocker = new Promise<void>((resolve) => (open1 = resolve))
    executor.submit(() => blocker)
    await turn()
    executor.submit(() => 0)
    const guest = open(inner, { executor, maxWorkers: undefined })
    const next = guest.map(['http://x/late'])[Symbol.asyncIterator]().next()
    await turn()
    expect(guest.stats().submitted).toBe(0)
    open1()
    await until(() => inner.requests.some((request) => request.url.endsWith('late')))
    inner.answerAll()
    expect((await next).value!.resultNow()).toBe('http://x/late')
  })

  test('takes it as back-pressure where a subclass has its own request(), of which nobody sees more than its options', async () => {
    class Tagging extends FuturesSession<string> {
      override request(method: string, url: string | URL, options?: RequestOptions): ResponseFuture<string> {
        return super.request(method, url, { ...options, context: 'tagged' })
      }
    }
    const inner = new GatedSession()
    const session = new Tagging({ session: inner, maxWorkers: 1, maxQueue: 1, unobserved: 'ignore' })
    cleanups.push(() => session[Symbol.asyncDispose]())
    const seen: object[] = []
    const loop = (async () => {
      for await (const { state, request } of session.map(['http://x/1', 'http://x/2', 'http://x/3'])) {
        seen.push({ state, request, symbols: Object.getOwnPropertySymbols(request) })
      }
    })()
    while (seen.length < 3) {
      inner.answerAll()
      await turn()
    }
    await loop
    const request = (number: number) => ({ method: 'GET', url: `http://x/${number}`, context: 'tagged' })
    expect(seen).toEqual([1, 2, 3].map((number) => ({ state: 'fulfilled', request: request(number), symbols: [] })))
  })

  test('ends with SessionClosedError when the session is left meanwhile', async () => {
    const inner = new GatedSession()
    const session = open(inner)
    const iterator = session.map(endless().urls(), { bufferSize: 2 })
    const first = iterator.next()
    await turn()
    session[Symbol.dispose]()
    expect((await first).value!.state).toBe('cancelled')
    expect((await iterator.next()).value!.state).toBe('cancelled')
    await expect(iterator.next()).rejects.toThrow(SessionClosedError)
  })

  test('ends with SessionClosedError, even where return() of the input fails, too', async () => {
    const session = open(new GatedSession())
    const input = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false as const, value: 'http://x/1' }),
        return: () => {
          throw new Error('return')
        },
      }),
    }
    const iterator = session.map(input)
    await session.close()
    await expect(iterator.next()).rejects.toBeInstanceOf(SessionClosedError)
  })

  test('bad arguments are thrown at the call', () => {
    const session = open(new GatedSession())
    expect(() => session.map(3 as never)).toThrow(TypeError)
    expect(() => session.map('http://x/' as never)).toThrow(TypeError)
    expect(() => session.map([], { bufferSize: 0 })).toThrow(RangeError)
    expect(() => session.map([], { bufferSize: 'x' as never })).toThrow(TypeError)
    expect(() => session.map([], { bufferSize: null as never })).toThrow(TypeError)
    expect(() => session.map([], { ordered: 1 as never })).toThrow(TypeError)
    expect(() => session.map([], { signal: {} as never })).toThrow(TypeError)
  })

  test('an empty input is done at once', async () => {
    const iterator = open(new GatedSession()).map([])
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })
})

describe('A listener of `submit`', () => {
  test('may leave map(): what is being submitted is cancelled, too, and no more is read', async () => {
    const inner = new GatedSession()
    const session = open(inner, { maxWorkers: 4 })
    const input = endless()
    const iterator = session.map(input.urls())
    const states: (() => string)[] = []
    let returned: Promise<unknown> | undefined
    session.on('submit', ({ future }) => {
      states.push(() => future.state)
      if (states.length === 2) returned = iterator.return!()
    })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    await returned
    expect(states.map((state) => state())).toEqual(['cancelled', 'cancelled'])
    expect(input).toMatchObject({ read: 2, returned: 1 })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('may abort map(): what is being submitted is cancelled, too, with the reason', async () => {
    const inner = new GatedSession()
    const session = open(inner)
    const controller = new AbortController()
    const futures: { signal: AbortSignal }[] = []
    session.on('submit', ({ future }) => {
      futures.push(future)
      controller.abort('enough')
    })
    const iterator = session.map(endless().urls(), { signal: controller.signal })
    await expect(iterator.next()).rejects.toBe('enough')
    expect(futures.map(({ signal }) => (signal.reason as Error | undefined)?.cause)).toEqual(['enough'])
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  test('may ask map() for the next one: each request is submitted once', async () => {
    const session = open(new GatedSession())
    const urls = Array.from({ length: 5 }, (_, index) => `http://x/${index}`)
    const iterator = session.map(urls)
    const submitted: unknown[] = []
    session.on('submit', ({ request }) => {
      submitted.push(request.url)
      if (submitted.length < 10) void iterator.next()
    })
    session.on('start', ({ future }) => void future.cancel())
    while ((await iterator.next()).done !== true);
    expect(submitted).toEqual(urls)
  })

  test('that asks for a request while map() fills the queue gets a future, however full it is', async () => {
    const session = open(new GatedSession(), { maxWorkers: 1, maxQueue: 1 })
    const errors: unknown[] = []
    session.once('submit', () => errors.push(session.get('http://x/own').exceptionNow()))
    const iterator = session.map(['http://x/1'])
    const first = iterator.next()
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_QUEUE_FULL' })])
    session.cancelAll()
    expect((await first).value!.state).toBe('cancelled')
  })
})
