/** Inputs of `map` whose own code settles requests, asks for more, or leaves: never asked twice at once, and nothing is lost. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test } from 'vitest'
import {
  FuturesSession,
  InProcessExecutor,
  SessionClosedError,
  type Future,
  type ResponseFuture,
} from '../../src/index.ts'
import { gate, turn, until, type Gate } from '../helpers/gate.ts'
import { at, InputLog, inputKinds, type Meddling } from '../helpers/inputs.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function open(options: object = {}): FuturesSession<string> {
  const request = async (_method: string, url: string | URL): Promise<string> => {
    await turn()
    return String(url)
  }
  const session = new FuturesSession<string>({ session: { request }, maxWorkers: 2, unobserved: 'ignore', ...options })
  cleanups.push(() => session[Symbol.asyncDispose]())
  return session
}

const urlOf = (index: number): string => `http://x/${index}`
const numberOf = (future: ResponseFuture<string>): number => Number(future.request.url.slice('http://x/'.length))
const count = 24
const all = Array.from({ length: count }, (_, index) => index)

/** What settles requests from within the input. */
const settlings: Record<string, (session: FuturesSession<string>, futures: ResponseFuture<string>[]) => unknown> = {
  'cancels one': (_session, futures) => futures.findLast((future) => !future.done())?.cancel(),
  'cancels all of its own': (_session, futures) => futures.map((future) => future.cancel()),
  'calls cancelAll()': (session) => session.cancelAll('enough'),
}

describe.each(Object.keys(inputKinds))('%s', (kind) => {
  const make = inputKinds[kind]!

  test.each(Object.keys(settlings))('that %s loses no request, and keeps the order', async (settling) => {
    for (const ordered of [false, true]) {
      for (const bufferSize of [1, 3, 50]) {
        for (const maxQueue of [undefined, 1]) {
          const session = open({ maxQueue })
          const log = new InputLog()
          const futures: ResponseFuture<string>[] = []
          session.on('submit', ({ future }) => void futures.push(future))
          const meddle: Meddling = (index) => {
            if (index % 3 > 0) settlings[settling]!(session, futures)
          }
          const seen: number[] = []
          for await (const future of session.map(make(log, count, urlOf, meddle), { ordered, bufferSize })) {
            seen.push(numberOf(future))
          }
          expect(log.violations).toEqual([])
          expect(ordered ? seen : seen.sort((one, other) => one - other)).toEqual(all)
          expect(session.stats()).toMatchObject({ submitted: count, done: count, rejected: 0 })
          expect(log.returned).toBe(0)
        }
      }
    }
  })

  test('whose requests have a signal that it aborts loses none', async () => {
    const session = open({ maxQueue: 1 })
    const log = new InputLog()
    const controllers = all.map(() => new AbortController())
    const element = (index: number) => ({ url: urlOf(index), signal: controllers[index]!.signal })
    const meddle: Meddling = (index) => controllers.slice(0, index).forEach((controller) => controller.abort())
    const seen: number[] = []
    for await (const future of session.map(make(log, count, element, meddle), { ordered: true })) {
      seen.push(numberOf(future))
    }
    expect(log.violations).toEqual([])
    expect(seen).toEqual(all)
  })

  test('that asks map() for more is asked for one at a time', async () => {
    const session = open()
    const log = new InputLog()
    const answers: Promise<IteratorResult<ResponseFuture<string>>>[] = []
    const iterator = session.map(
      make(log, count, urlOf, () => void answers.push(iterator.next())),
      { bufferSize: 3 },
    )
    while ((await iterator.next()).done !== true);
    const own = (await Promise.all(answers)).filter((answer) => answer.done !== true)
    expect(log.violations).toEqual([])
    expect(session.stats()).toMatchObject({ submitted: count, done: count })
    expect(own.length).toBeGreaterThan(0)
  })

  test('that leaves map() is told when its next() is back', async () => {
    for (const leave of ['return', Symbol.asyncDispose] as const) {
      const session = open()
      const log = new InputLog()
      const left: unknown[] = []
      const iterator: ReturnType<typeof session.map> = session.map(
        make(
          log,
          count,
          urlOf,
          at(3, () => left.push(iterator[leave]!())),
        ),
      )
      while ((await iterator.next()).done !== true);
      await Promise.all(left)
      await until(() => log.returned > 0)
      expect(log).toMatchObject({ violations: [], returned: 1, read: 4 })
      expect(session.stats()).toMatchObject({ submitted: 3, pending: 0, running: 0 })
    }
  })

  test('that aborts map() is told when its next() is back', async () => {
    const session = open()
    const log = new InputLog()
    const controller = new AbortController()
    const input = make(
      log,
      count,
      urlOf,
      at(3, () => controller.abort('enough')),
    )
    const iterator = session.map(input, { signal: controller.signal })
    const take = async () => {
      while ((await iterator.next()).done !== true);
    }
    await expect(take()).rejects.toBe('enough')
    await until(() => log.returned > 0)
    expect(log).toMatchObject({ violations: [], returned: 1, read: 4 })
    expect(session.stats()).toMatchObject({ pending: 0, running: 0 })
  })

  test('that disposes of the session is told when its next() is back', async () => {
    const session = open()
    const log = new InputLog()
    const input = make(
      log,
      count,
      urlOf,
      at(3, () => session[Symbol.dispose]()),
    )
    const seen: number[] = []
    const take = async () => {
      for await (const future of session.map(input)) seen.push(numberOf(future))
    }
    await expect(take()).rejects.toThrow(SessionClosedError)
    await until(() => log.returned > 0)
    expect(log).toMatchObject({ violations: [], returned: 1, read: 4 })
    expect(seen.sort()).toEqual([0, 1, 2])
  })

  test('is asked in the async context of whoever called map(), and so are its requests', async () => {
    const storage = new AsyncLocalStorage<string>()
    const contexts = new Set<unknown>()
    const note = () => void contexts.add(storage.getStore())
    const session = open({ session: { request: async () => note() } })
    const stranger = storage.run('stranger', () => session.map(all.map(urlOf), { bufferSize: 2 }))
    contexts.clear()
    const own = storage.run('own', () => session.map(make(new InputLog(), count, urlOf, note), { bufferSize: 2 }))
    const strangers = storage.run('other', async () => {
      for await (const future of stranger) future.resultNow()
    })
    session.on('submit', note)
    while ((await storage.run('reader', () => own.next())).done !== true);
    await strangers
    expect([...contexts].sort()).toEqual(['own', 'stranger'])
  })
})

describe('An input of map()', () => {
  test.each([undefined, null, 5, 'text'])('that gives no result (%s) ends it with a TypeError', async (result) => {
    for (const next of [() => result, () => Promise.resolve(result)]) {
      for (const symbol of [Symbol.iterator, Symbol.asyncIterator]) {
        const iterator = open().map({ [symbol]: () => ({ next }) } as never)
        await expect(iterator.next()).rejects.toThrow(TypeError)
        expect(await iterator.next()).toEqual({ done: true, value: undefined })
      }
    }
  })

  test('whose result can’t be read ends it with that error', async () => {
    const error = new Error('getter')
    const result = Object.defineProperty({}, 'value', { get: () => { throw error } }) // prettier-ignore
    for (const next of [() => result, async () => result]) {
      const iterator = open().map({ [Symbol.asyncIterator]: () => ({ next }) } as never)
      await expect(iterator.next()).rejects.toBe(error)
    }
  })

  test('that settles requests and then throws, or rejects, ends it after what was started', async () => {
    const error = new Error('input')
    const throwing = (session: FuturesSession<string>) => {
      let index = 0
      return () => {
        if (index++ < 3) return { done: false as const, value: urlOf(index) }
        session.cancelAll()
        throw error
      }
    }
    for (const isAsync of [false, true]) {
      const session = open()
      const step = throwing(session)
      const next = isAsync ? async () => step() : step
      let returned = 0
      const input = { next, return: () => returned++ }
      const iterator = session.map({ [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => input } as never)
      const states: string[] = []
      const take = async () => {
        for await (const future of iterator) states.push(future.state)
      }
      await expect(take()).rejects.toBe(error)
      expect(states).toHaveLength(3)
      // As with `for ... of`: what has failed by itself is not told.
      expect(returned).toBe(0)
    }
  })

  test('that leaves from within, and then fails or ends, is not told', async () => {
    for (const end of ['fail', 'end']) {
      const session = open()
      const [hold, log] = [gate(), { returned: 0 }]
      const input = {
        async next() {
          await turn()
          void iterator.return?.()
          await hold.promise
          if (end === 'fail') throw new Error('late')
          return { done: true as const, value: undefined }
        },
        async return() {
          log.returned++
          return { done: true as const, value: undefined }
        },
      }
      const iterator = session.map({ [Symbol.asyncIterator]: () => input })
      expect((await iterator.next()).done).toBe(true)
      hold.open()
      await turn()
      expect(log.returned).toBe(0)
    }
  })

  test('that never answers is told at once when others leave, and is waited for by nobody', async () => {
    for (const isAborted of [false, true]) {
      const controller = new AbortController()
      let returned = 0
      const input = {
        next: () => new Promise<never>(() => {}),
        async return() {
          returned++
          return { done: true as const, value: undefined }
        },
      }
      const iterator = open().map({ [Symbol.asyncIterator]: () => input }, { signal: controller.signal })
      const next = iterator.next()
      next.catch(() => {})
      if (isAborted) controller.abort('enough')
      else expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(returned).toBe(1)
      await expect(next.catch(() => 'aborted')).resolves.toEqual(
        isAborted ? 'aborted' : { done: true, value: undefined },
      )
    }
  })

  test('that never answers, and has left itself, keeps nobody waiting', async () => {
    const session = open()
    const input = {
      next() {
        void iterator.return?.()
        return new Promise<never>(() => {})
      },
    }
    const iterator = session.map({ [Symbol.asyncIterator]: () => input })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('is read on when a stranger leaves the queue, with a request of its own long under way', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 2, maxQueue: 1 })
    cleanups.push(() => executor.shutdown())
    const holds = new Map<string, Gate<string>>()
    const request = (_method: string, url: string | URL): Promise<string> => {
      const hold = gate<string>()
      holds.set(String(url), hold)
      return hold.promise
    }
    const session = open({ session: { request }, executor, maxWorkers: undefined })
    const [working, waiting] = [gate(), gate()]
    executor.submit(() => working.promise)
    await turn()
    // One request is under way, and the stranger that waits keeps the other out of the queue.
    let stranger: Future<void> | undefined
    session.once('start', () => (stranger = executor.submit(() => waiting.promise)))
    const iterator = session.map(all.slice(0, 2).map(urlOf))
    const answers = [iterator.next(), iterator.next()]
    await until(() => holds.size === 1)
    working.open()
    await until(() => stranger?.running() === true)
    waiting.open()
    await until(() => holds.size === 2)
    for (const hold of holds.values()) hold.open('ok')
    expect((await Promise.all(answers)).map(({ value }) => value?.resultNow())).toEqual(['ok', 'ok'])
  })
})
