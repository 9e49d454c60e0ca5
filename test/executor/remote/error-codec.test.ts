import { describe, expect, test } from 'vitest'
import * as errors from '../../../src/errors.ts'
import { decode, encode } from '../../../src/executor/remote/error-codec.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'

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
      message: expect.stringMatching(/an object: DataCloneError: .*detached/),
    })
  })

  test('survives errors that fight back', () => {
    const fighting = new Error('a')
    Object.defineProperty(fighting, 'data', {
      enumerable: true,
      get() {
        throw new Error('no')
      },
    })
    expect(cross(fighting)).toBeInstanceOf(Error)
    const strange = Object.defineProperties(new Error('a'), {
      stack: { value: { not: 'a string' } },
      name: { value: 7 },
    })
    expect(cross(strange)).toMatchObject({ name: '7', message: 'a' })
    const bare = Object.setPrototypeOf(new Error('a'), null) as Error
    expect(String(cross(bare))).toBe('Error: a')
    let deep = new Error('0')
    for (let depth = 1; depth < 100_000; depth++) deep = new Error('a', { cause: deep })
    expect(decode(encode(deep))).toBeInstanceOf(Error)
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
})
