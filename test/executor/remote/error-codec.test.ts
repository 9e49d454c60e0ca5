import { describe, expect, test } from 'vitest'
import * as errors from '../../../src/errors.ts'
import { decode, encode } from '../../../src/executor/remote/error-codec.ts'
import { until } from '../../helpers/gate.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'

closeExecutorsAfterEach()

/** There and back, as a message would carry it. */
const cross = (thrown: unknown): any => decode(structuredClone(encode(thrown)))

describe('decode(encode(error))', () => {
  test.each(Object.values(errors).filter((each) => each.prototype instanceof Error))(
    'keeps our class: $name',
    (Class) => {
      const original = new (Class as new (message: string, options: object) => Error)('went wrong', {
        cause: new RangeError('why'),
        exitCode: 3,
        path: 'a.b',
        scope: 'total',
        unfinished: 1,
        total: 2,
        limit: 5,
        option: 'body',
      })
      const copy = cross(original)
      expect(copy.constructor).toBe(Class)
      expect(Object.entries(copy)).toEqual(Object.entries(original))
      expect([copy.name, copy.code, copy.message, copy.stack]).toEqual([
        original.name,
        (original as { code?: string }).code,
        'went wrong',
        original.stack,
      ])
      expect(copy.cause).toBeInstanceOf(RangeError)
    },
  )

  test.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])(
    'keeps the built-in class: $name',
    (Class) => {
      const copy = cross(new Class('went wrong'))
      expect(copy.constructor).toBe(Class)
      expect(copy.message).toBe('went wrong')
      expect('cause' in copy).toBe(false)
      expect(Object.getOwnPropertyDescriptor(copy, 'message')?.enumerable).toBe(false)
    },
  )

  test('keeps DOMExceptions', () => {
    const copy = cross(new DOMException('stop', 'AbortError'))
    expect(copy).toBeInstanceOf(DOMException)
    expect([copy.name, copy.code, copy.message]).toEqual(['AbortError', 20, 'stop'])
  })

  test('keeps a DOMException whose name can not be read', () => {
    const unnamed = Object.defineProperty(new DOMException('stop', 'AbortError'), 'name', {
      get: () => {
        throw new Error('no name')
      },
    })
    const copy = cross(unnamed)
    expect(copy).toBeInstanceOf(DOMException)
    expect([copy.name, copy.message]).toEqual(['Error', 'stop'])
  })

  test('keeps an AggregateError with its errors', () => {
    const copy = cross(new AggregateError([new TypeError('one'), 'two', new AggregateError([], 'three')], 'all'))
    expect(copy).toBeInstanceOf(AggregateError)
    expect(copy.errors[0]).toBeInstanceOf(TypeError)
    expect(copy.errors[1]).toBe('two')
    expect(copy.errors[2]).toBeInstanceOf(AggregateError)
  })

  test('gives a subclass the nearest class that both sides know, and its own name', () => {
    class Teapot extends errors.HTTPError {
      override name = 'Teapot'
    }
    class Unnamed extends TypeError {}
    const copy = cross(new Teapot('no coffee'))
    expect(copy.constructor).toBe(errors.HTTPError)
    expect([copy.name, copy.code]).toEqual(['Teapot', 'ERR_HTTP'])
    expect(cross(new Unnamed('x')).constructor).toBe(TypeError)
  })

  test("takes somebody else's class of the same name for what it is", () => {
    class HTTPError extends Error {
      override name = 'HTTPError'
      code = 'ERR_NON_2XX_3XX_RESPONSE'
    }
    const copy = cross(new HTTPError('a'))
    expect(copy.constructor).toBe(Error)
    expect([copy.name, copy.code]).toEqual(['HTTPError', 'ERR_NON_2XX_3XX_RESPONSE'])
  })

  test('keeps code, errno, syscall and status wherever they stand', () => {
    class Getters extends Error {
      get code() {
        return 'ERR_GETTER'
      }
      get status() {
        return 418
      }
    }
    const hidden = Object.defineProperty(new Error('b'), 'syscall', { value: 'open', enumerable: false })
    expect(cross(new Getters('a'))).toMatchObject({ code: 'ERR_GETTER', status: 418 })
    expect(cross(hidden).syscall).toBe('open')
  })

  test('keeps own data, and leaves out what is none', () => {
    const original = Object.assign(new Error('a'), {
      details: { list: [1, null], when: new Date(0) },
      inner: new RangeError('inner'),
      [Symbol('hidden')]: 1,
      method: () => 1,
      nested: { method: () => 1 },
      pending: Promise.resolve(),
    })
    const copy = cross(original)
    expect(Object.keys(copy)).toEqual(['details', 'inner'])
    expect(copy.details).toEqual(original.details)
    expect(copy.inner).toBeInstanceOf(RangeError)
  })

  test('keeps causes of any depth, cycles, and values that are no errors', () => {
    const cyclic = new Error('a', { cause: new TypeError('b') })
    ;(cyclic.cause as Error).cause = cyclic
    const copy = cross(cyclic)
    expect(copy.cause).toBeInstanceOf(TypeError)
    expect(copy.cause.cause).toBe(copy)
    expect(cross(new Error('a', { cause: { reason: 1 } })).cause).toEqual({ reason: 1 })
    expect(Object.hasOwn(cross(new Error('a', { cause: undefined })), 'cause')).toBe(true)

    let deep = new Error('0')
    for (let depth = 1; depth < 500; depth++) deep = new Error(String(depth), { cause: deep })
    let depth = 0
    for (let each = cross(deep); each.cause !== undefined; each = each.cause) depth++
    expect(depth).toBe(499)
  })

  test('keeps what was thrown if it is no error', () => {
    for (const value of [undefined, null, 0, '', 'text', { a: [1] }, 12n]) expect(cross(value)).toEqual(value)
  })

  test('describes what was thrown and can not be cloned', () => {
    expect(cross(() => 1)).toMatchObject({
      name: 'TaskNotCloneableError',
      message: expect.stringContaining('a function'),
    })
    expect(cross({ a: { b: Symbol('s') } }).message).toContain('a symbol at `a.b`')
    const detached = new ArrayBuffer(8)
    structuredClone(detached, { transfer: [detached] })
    expect(cross(detached)).toMatchObject({
      name: 'TaskNotCloneableError',
      message: expect.stringContaining('a detached ArrayBuffer'),
    })
  })

  test('gives what is odd a form', () => {
    const strange = Object.defineProperties(new Error('a'), {
      stack: { value: { not: 'a string' } },
      name: { value: 7 },
    })
    expect(cross(strange)).toMatchObject({ name: '7', message: 'a' })
    const bare = Object.setPrototypeOf(new Error('a'), null) as Error
    expect(String(cross(bare))).toBe('Error: a')
    const own = Object.defineProperty(new Error('a'), '__proto__', { value: { polluted: true }, enumerable: true })
    const copy = cross(own)
    expect([copy.constructor, copy.polluted, Object.keys(copy)]).toEqual([Error, undefined, ['__proto__']])
  })

  const no = (): never => {
    throw new Error('no')
  }
  const failing = (key: string | symbol, error: Error = Object.assign(new RangeError('text'), { code: 'E_CODE' })) =>
    Object.defineProperty(error, key, { get: no, enumerable: true, configurable: true })
  const hostile = { toString: no, valueOf: no, [Symbol.toPrimitive]: no }

  test.each<[name: string, make: () => Error, lost: object]>([
    ['data', () => failing('data'), {}],
    ['stack', () => failing('stack'), {}],
    ['cause', () => failing('cause'), {}],
    ['errors', () => failing('errors'), {}],
    ['Symbol.toStringTag', () => failing(Symbol.toStringTag), {}],
    ['constructor', () => failing('constructor'), {}],
    ['name', () => failing('name'), {}],
    ['message', () => failing('message'), { message: '' }],
    ['code', () => failing('code'), { code: 'gone' }],
    [
      'everything',
      () => ['code', 'stack', 'cause', 'errors', 'name', 'x'].reduce((error, key) => failing(key, error), failing('y')),
      { code: 'gone' },
    ],
  ])('keeps what can be read of an error whose %s can not', (_name, make, lost) => {
    const copy = cross(make())
    expect(copy.constructor).toBe(RangeError)
    const seen = { name: copy.name, message: copy.message, code: 'code' in copy ? copy.code : 'gone' }
    expect(seen).toEqual({ name: 'RangeError', message: 'text', code: 'E_CODE', ...lost })
  })

  test('keeps class, message, code, cause and errors beside a getter that throws, at any depth', () => {
    const inner = failing('data', new TypeError('inner'))
    const list = [failing('cause', new SyntaxError('listed')), 'text', failing('message', new URIError('lost'))]
    const aggregate = Object.assign(new AggregateError(list, 'all', { cause: inner }), { code: 'E_ALL', inner })
    const copy = cross(failing('data', aggregate))
    expect(copy).toMatchObject({ name: 'AggregateError', message: 'all', code: 'E_ALL' })
    expect(copy.cause).toBeInstanceOf(TypeError)
    expect(copy.inner).toBe(copy.cause)
    expect(copy.errors.map(String)).toEqual(['SyntaxError: listed', 'text', 'URIError'])
    const ours = cross(failing('data', new errors.QueueFullError('full')))
    expect(ours).toBeInstanceOf(errors.QueueFullError)
    expect(ours).toMatchObject({ message: 'full', code: 'ERR_QUEUE_FULL' })
    expect(cross(failing('name', new errors.QueueFullError('full'))).name).toBe('QueueFullError')
  })

  test.each<[name: string, make: () => unknown, seen: object]>([
    ['a Proxy of an error', () => new Proxy(new RangeError('text'), {}), { name: 'RangeError', message: 'text' }],
    [
      'a Proxy that shows only its message',
      () =>
        new Proxy(new RangeError('text'), {
          get: (_target, key) => (key === 'message' ? 'text' : no()),
          ownKeys: no,
          getPrototypeOf: no,
          getOwnPropertyDescriptor: no,
        }),
      { name: 'Error', message: 'text' },
    ],
    [
      'a Proxy that shows its message, and says which class it has',
      () =>
        new Proxy(new RangeError('text'), {
          get: (_target, key) => (key === 'message' ? 'text' : no()),
          ownKeys: no,
          getOwnPropertyDescriptor: no,
        }),
      { name: 'RangeError', message: 'text' },
    ],
    [
      'a Proxy that shows nothing',
      () =>
        new Proxy(new Error('text'), {
          get: no,
          has: no,
          ownKeys: no,
          getPrototypeOf: no,
          getOwnPropertyDescriptor: no,
        }),
      { name: 'TaskNotCloneableError', message: expect.stringContaining('a Proxy') as unknown },
    ],
    ['a revoked Proxy', () => revoked(new Error('text')), { message: expect.stringContaining('a Proxy') as unknown }],
    [
      'a message that is no text',
      () => Object.assign(new TypeError('a'), { message: hostile, code: 7 }),
      { name: 'TypeError', message: 'an object (Object)', code: 7 },
    ],
    [
      'a name that is no text',
      () => Object.assign(new TypeError('a'), { name: hostile }),
      { name: 'an object (Object)', message: 'a' },
    ],
    [
      'a message that is a symbol',
      () => Object.assign(new TypeError('a'), { message: Symbol('b') }),
      { message: 'Symbol(b)' },
    ],
    [
      'a list of errors that is a revoked Proxy',
      () => Object.assign(new Error('a'), { errors: revoked([]) }),
      { message: 'a' },
    ],
    [
      'a list of errors with a place that throws',
      () => Object.assign(new Error('a'), { errors: Object.defineProperty(['x', 'y'], 0, { get: no }) }),
      { message: 'a', errors: [undefined, 'y'] },
    ],
    [
      'a cause that can not be cloned',
      () => new Error('a', { cause: { deep: hostile } }),
      { message: 'a', cause: { name: 'TaskNotCloneableError' } },
    ],
    [
      'a cause with a getter that throws',
      () => new Error('a', { cause: Object.defineProperty({}, 'x', { get: no, enumerable: true }) }),
      { message: 'a', cause: { name: 'TaskNotCloneableError' } },
    ],
    [
      'something thrown that can not even be described',
      () =>
        Object.defineProperty({}, 'x', {
          enumerable: true,
          get() {
            throw hostile
          },
        }),
      { name: 'TaskNotCloneableError' },
    ],
    [
      'a subclass whose getters throw',
      () =>
        new (class Odd extends TypeError {
          override get name() {
            return no()
          }
        })('a'),
      { name: 'TypeError', message: 'a' },
    ],
  ])('survives %s', (_name, make, seen) => {
    expect(cross(make())).toMatchObject(seen)
  })

  function revoked<T extends object>(target: T): T {
    const { proxy, revoke } = Proxy.revocable(target, {})
    revoke()
    return proxy
  }

  test('looks at each property once: what a getter gives the second time can not stop it', () => {
    let looks = 0
    const turning = Object.defineProperty(new Error('a'), 'data', {
      enumerable: true,
      get: () => (looks++ === 0 ? { fine: true } : no()),
    })
    const nested = Object.assign(new Error('b'), {
      data: Object.defineProperty({}, 'deep', { enumerable: true, get: () => (looks++ < 4 ? 1 : no()) }),
    })
    expect(cross(turning).data).toEqual({ fine: true })
    expect(cross(nested).message).toBe('b')
  })

  test('cuts off a chain of causes that no stack could hold, and keeps the rest', () => {
    let deep = new Error('0')
    for (let depth = 1; depth < 100_000; depth++) deep = new RangeError(String(depth), { cause: deep })
    const copy = cross(Object.assign(deep, { code: 'E_DEEP' }))
    expect(copy).toBeInstanceOf(RangeError)
    expect(copy).toMatchObject({ message: '99999', code: 'E_DEEP', cause: { message: '99998' } })
    let depth = 0
    for (let each = copy; each.cause !== undefined; each = each.cause) depth++
    expect(depth).toBeGreaterThanOrEqual(500)
  })

  test('keeps the first of a chain where the stack is nearly used up', () => {
    let deep = new Error('0')
    for (let depth = 1; depth < 1_000; depth++) deep = new RangeError(String(depth), { cause: deep })
    let encoded: ReturnType<typeof encode> | undefined
    const sink = (left: number): void => {
      if (left > 0) sink(left - 1)
      else encoded = encode(deep)
    }
    // Down to where not even twenty of them fit.
    let frames = 100
    for (;;) {
      try {
        sink(frames)
        frames += 50
      } catch {
        break
      }
    }
    const copy: any = decode(encoded!)
    expect(copy.cause.cause.message).toBe('997')
  })

  test('leaves out, for another process, what only threads can share', () => {
    const error = Object.assign(new RangeError('a'), { shared: new SharedArrayBuffer(8), plain: 1 })
    expect(Object.keys(decode(encode(error, 'process')) as object)).toEqual(['plain'])
    expect(Object.keys(cross(error))).toEqual(['shared', 'plain'])
  })
})

test('decode() makes a plain Error of a class that only the other side knows', () => {
  const encoded = { ...encode(new errors.TaskNotCloneableError('no', { path: 'a' })), className: 'ERR_OF_TOMORROW' }
  const error: any = decode(encoded)
  expect(error.constructor).toBe(Error)
  expect(error).toMatchObject({ name: 'TaskNotCloneableError', message: 'no', path: 'a' })
})

describe('A task that fails in a thread', () => {
  const failing = (kind: string) => fixture('failing-tasks.mjs', 'fail', kind)
  const failure = async (kind: string): Promise<any> => open().submit(failing(kind)).exception()

  test('rejects with its error, class and data intact', async () => {
    expect(await failure('type')).toBeInstanceOf(TypeError)
    expect(await failure('dom')).toBeInstanceOf(DOMException)
    expect(await failure('teapot')).toMatchObject({
      name: 'TeapotError',
      message: 'short and stout',
      status: 418,
      details: { cups: [1, 2], when: new Date(0) },
    })
    const aggregate = await failure('aggregate')
    expect(aggregate.errors.map(String)).toEqual(['RangeError: one', 'two', 'TeapotError: three'])
    const chain = await failure('chain')
    expect(chain.cause.cause).toBe(chain)
    expect(await failure('string')).toBe('a string')
    expect(await failure('undefined')).toBeUndefined()
    expect(await failure('function')).toBeInstanceOf(errors.TaskNotCloneableError)
  })

  test('rejects with our class if it threw that of another copy of the package', async () => {
    const error = await open().submit(fixture('failing-tasks.mjs', 'failAsOurs')).exception()
    expect(error).toBeInstanceOf(errors.QueueFullError)
    expect(error).toMatchObject({ message: 'full', limit: 3, code: 'ERR_QUEUE_FULL' })
  })

  test("keeps what the system's errors say", async () => {
    const error = await open().submit(fixture('failing-tasks.mjs', 'readMissingFile')).exception()
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open', path: '/no/such/file', errno: expect.any(Number) })
  })

  test('shows in its stack what happened in the thread, and where it was submitted', async () => {
    const { stack } = await (async function submitHere(): Promise<any> {
      return open().submit(failing('error')).exception()
    })()
    expect(stack).toMatch(/^Error: plain\n\s+at .*\n(.*\n)*\s+at fail .*failing-tasks\.mjs/)
    expect(stack).toMatch(/--- submitted to a worker thread ---\n\s+at submitHere .*error-codec\.test\.ts/)
  })

  test('shows only what happened in the thread where stacks are turned off', async () => {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    const future = open().submit(failing('error'))
    Error.stackTraceLimit = stackTraceLimit
    const { stack } = (await future.exception()) as Error
    expect(stack).toMatch(/at fail .*failing-tasks\.mjs/)
    expect(stack).not.toContain('submitted')
  })

  test('does not note the place while hundreds wait', async () => {
    const executor = open({ threads: 1 })
    const futures = Array.from({ length: 1_100 }, () => executor.submit(failing('error')))
    const hasPlace = async (index: number) =>
      ((await futures[index]!.exception()) as Error).stack?.includes('submitted')
    expect([await hasPlace(0), await hasPlace(99), await hasPlace(1_050)]).toEqual([true, true, false])
  })

  const kinds: [kind: string, seen: object][] = [
    ['data', { name: 'RangeError', message: 'named', code: 'E_NAMED' }],
    ['cause', { name: 'RangeError', message: 'named', code: 'E_NAMED' }],
    ['message', { name: 'RangeError', message: '', code: 'E_NAMED' }],
    ['proxy', { name: 'RangeError', message: 'named', code: 'E_NAMED' }],
    ['deep', { name: 'RangeError', message: '49999', code: 'E_NAMED', cause: { message: '49998' } }],
    ['value', { toString: 1, valueOf: 1 }],
    ['closed', { name: 'TaskNotCloneableError', message: expect.stringContaining('a Proxy') as unknown }],
  ]

  test.each(kinds)('rejects with what can be read of an error that fights back: %s', async (kind, seen) => {
    const executor = open({ threads: 1 })
    for (const name of ['fight', 'fightLater']) {
      const error = await executor.submit(fixture('failing-tasks.mjs', name, kind)).exception()
      expect(error).toMatchObject(seen)
      if (kind !== 'value' && kind !== 'closed') expect(error).toBeInstanceOf(RangeError)
    }
    expect(await executor.submit(fixture('result-tasks.mjs', 'echo', 1)).result()).toBe(1)
  })

  // Node itself prints the last error of a thread, and does not come to an end with 50 000 causes.
  const printable = kinds.filter(([kind]) => kind !== 'deep')

  test.each(printable)('shows what can be read of one that ends its thread: %s', async (kind) => {
    const executor = open({ threads: 1 })
    const error = await executor.submit(fixture('failing-tasks.mjs', 'fightUncaught', kind)).exception()
    expect(error).toMatchObject({ name: 'WorkerCrashedError', exitCode: 1 })
    expect(await executor.submit(fixture('result-tasks.mjs', 'echo', 1)).result()).toBe(1)
  })

  test.each(kinds)('shows what can be read of one that an initializer throws: %s', async (kind, seen) => {
    const executor = open({ threads: 1, initializer: fixture('failing-tasks.mjs', 'fight', kind) })
    const error: any = await executor.submit(fixture('result-tasks.mjs', 'echo', 1)).exception()
    expect(error).toMatchObject({ name: 'BrokenExecutorError', cause: seen })
  })

  test.each(['data', 'cause', 'deep', 'value'])('hears of a cancellation with such a reason: %s', async (kind) => {
    const { hostile } = (await import(new URL('../../fixtures/failing-tasks.mjs', import.meta.url).href)) as {
      hostile: Record<string, () => unknown>
    }
    const gate = new ThreadGate()
    const executor = open({ threads: 1 })
    const future = executor.submit(fixture('cancelled-tasks.mjs', 'hear', gate.memory))
    await gate.arrived()
    expect(future.cancel(hostile[kind]!())).toBe(true)
    await until(() => executor.stats().cancelled === 1)
    expect(await executor.submit(fixture('result-tasks.mjs', 'echo', 1)).result()).toBe(1)
  })
})
