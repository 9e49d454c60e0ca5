import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import * as errors from '../../../src/errors.ts'
import {
  planRetry,
  type RetryPlan,
  noRetries,
  type AttemptOutcome,
  parseRetryAfter,
} from '../../../src/session/call/retry.ts'
import { resolveRetry } from '../../../src/session/call/retry-policy.ts'

const headers = (retryAfter?: string): { get(name: string): string | undefined } => ({
  get: (name) => (name === 'retry-after' ? retryAfter : undefined),
})
const answered = (status: number, retryAfter?: string): AttemptOutcome => ({
  method: 'GET',
  response: { status, headers: headers(retryAfter) },
})
const failed = (error: unknown, method = 'GET'): AttemptOutcome => ({ method, error })

/** Without jitter. */
function next(option: object | number, outcome: AttemptOutcome, counts = noRetries, now = 0): RetryPlan | undefined {
  const policy = resolveRetry(typeof option === 'number' ? option : { backoff: { jitter: false }, ...option })
  return (
    policy &&
    planRetry(
      policy,
      counts,
      outcome,
      () => 0.5,
      () => now,
    )
  )
}

const refused = (code = 'ECONNREFUSED'): Error =>
  new errors.ConnectionError('no', { cause: Object.assign(new Error('no'), { code }) })

describe('planRetry()', () => {
  it.each([408, 429, 500, 502, 503, 504])('%s is tried again', (status) => {
    expect(next(1, answered(status))?.counts).toEqual({ connect: 0, read: 0, status: 1 })
  })

  it.each([200, 301, 400, 401, 404, 501, 505])('%s is not', (status) => {
    expect(next(1, answered(status))).toBeUndefined()
  })

  it.each([
    ['refused', refused(), 'connect'],
    ['no such host', refused('ENOTFOUND'), 'connect'],
    ['connect()', new errors.ConnectionError('x', { cause: { syscall: 'connect' } }), 'connect'],
    ['no connection in time', new errors.ConnectTimeoutError(), 'connect'],
    ['the proxy', new errors.ProxyError(), 'connect'],
    ['reset', refused('ECONNRESET'), 'read'],
    ['unknown', new errors.ConnectionError(), 'read'],
    ['no answer in time', new errors.ReadTimeoutError(), 'read'],
    ['half a body', new errors.ChunkedEncodingError(), 'read'],
  ] as const)('%s is tried again', (_, error, kind) => {
    expect(next(1, failed(error))?.counts).toEqual({ ...noRetries, [kind]: 1 })
    expect(next({ [kind]: 0 }, failed(error))).toBeUndefined()
  })

  it.each([
    [new errors.SSLError()],
    [new errors.ContentDecodingError()],
    [new errors.ResponseTooLargeError()],
    [new errors.TotalTimeoutError()],
    [new errors.CancelledError()],
    [new errors.TooManyRedirectsError()],
    [new errors.UnrewindableBodyError()],
    [new errors.InvalidURLError()],
    [new Error('a hook')],
    [undefined],
    ['text'],
  ])('%s is not', (error) => {
    expect(next(1, failed(error))).toBeUndefined()
  })

  it('methods that are not in the list are not tried again, not even after a failure to connect', () => {
    for (const method of ['POST', 'PATCH', 'CONNECT', 'get2'])
      expect(next(1, failed(refused(), method))).toBeUndefined()
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'get'])
      expect(next(1, failed(refused(), method))).toBeDefined()
    expect(next({ methods: ['post'] }, failed(refused(), 'POST'))).toBeDefined()
    expect(next({ methods: ['post'] }, failed(refused(), 'GET'))).toBeUndefined()
  })

  it('each class has its budget within the total', () => {
    const counts = { connect: 1, read: 1, status: 0 }

    expect(next({ total: 2 }, answered(503), counts)).toBeUndefined()
    expect(next({ total: 3 }, answered(503), counts)).toBeDefined()
    expect(next({ total: 5, read: 1 }, failed(new errors.ReadTimeoutError()), counts)).toBeUndefined()
    expect(next({ total: 5, read: 1 }, failed(refused()), counts)).toBeDefined()
    expect(next({ total: 1, status: 9 }, answered(503), counts)).toBeUndefined()
  })

  it('the wait doubles up to the maximum', () => {
    const waits = [0, 1, 2, 6, 7, 2000].map(
      (status) => next({ total: Infinity }, answered(503), { ...noRetries, status })?.delay,
    )

    expect(waits).toEqual([300, 600, 1200, 19_200, 30_000, 30_000])
    expect(
      next({ total: Infinity, backoff: { base: 0, jitter: false } }, answered(503), { ...noRetries, status: 5000 })
        ?.delay,
    ).toBe(0)
    expect(
      next({ backoff: { base: 10, factor: 3, max: 50, jitter: false } }, answered(503), { ...noRetries, status: 1 })
        ?.delay,
    ).toBe(30)
  })

  it('full jitter: any time up to the wait', () => {
    expect(next(1, answered(503))?.delay).toBe(150)
  })

  it('Retry-After takes the place of the wait, seconds or a date', () => {
    expect(next({}, answered(503, '7'))?.delay).toBe(7000)
    expect(next({}, answered(503, '0'))?.delay).toBe(0)
    expect(next({}, answered(429, 'Thu, 01 Jan 1970 00:00:30 GMT'), noRetries, 10_000)?.delay).toBe(20_000)
    expect(next({}, answered(503, 'garbage'))?.delay).toBe(300)
    expect(next({ retryAfter: false }, answered(503, '7'))?.delay).toBe(300)
  })

  it('a longer one than the maximum is not waited for', () => {
    expect(next({}, answered(503, '60'))?.delay).toBe(60_000)
    expect(next({}, answered(503, '61'))).toBeUndefined()
    expect(next({}, answered(503, '9'.repeat(400)))).toBeUndefined()
    expect(next({ maxRetryAfter: Infinity }, answered(503, '61'))?.delay).toBe(61_000)
    expect(next({ retryAfter: false }, answered(503, '61'))?.delay).toBe(300)
  })

  it('leaves the counts as they were', () => {
    const counts = Object.freeze({ connect: 0, read: 0, status: 1 })

    expect(next({}, answered(503), counts)?.counts).toEqual({ connect: 0, read: 0, status: 2 })
    expect(counts.status).toBe(1)
  })
})

describe('resolveRetry()', () => {
  it('a number is a total, an object has one of 3', () => {
    expect(resolveRetry(2)).toMatchObject({ total: 2, limits: { connect: 2, read: 2, status: 2 } })
    expect(resolveRetry({})).toMatchObject({
      total: 3,
      retryAfter: true,
      maxRetryAfter: 60_000,
      backoff: { base: 300, factor: 2, max: 30_000, jitter: true },
    })
    expect(resolveRetry({ total: Infinity, read: 1 })).toMatchObject({
      total: Infinity,
      limits: { connect: Infinity, read: 1 },
    })
  })

  it.each([[undefined], [null], [0], [{ total: 0 }]])('%j is no retries', (option) => {
    expect(resolveRetry(option)).toBeUndefined()
  })

  it.each<[unknown, new () => Error, RegExp]>([
    ['3', TypeError, /`retry` to be a number or an object, got `'3'` \(string\)/],
    [true, TypeError, /`retry`/],
    [[], TypeError, /`retry`/],
    [NaN, TypeError, /`retry`/],
    [-1, RangeError, /`retry`.*`-1`/],
    [1.5, RangeError, /`retry`/],
    [{ total: '3' }, TypeError, /`retry.total`/],
    [{ connect: -1 }, RangeError, /`retry.connect`/],
    [{ retries: 3 }, TypeError, /Bad `retry`: .*did you mean `total`/],
    [{ methods: 'GET' }, TypeError, /`retry.methods`/],
    [{ methods: [1] }, RangeError, /`retry.methods`/],
    [{ methods: [''] }, TypeError, /`retry.methods`/],
    [{ statusCodes: [503, '504'] }, TypeError, /`retry.statusCodes`.*'504'/],
    [{ statusCodes: [99] }, RangeError, /`retry.statusCodes`/],
    [{ backoff: 5 }, TypeError, /`retry.backoff`/],
    [{ backoff: { base: -1 } }, RangeError, /`retry.backoff.base`/],
    [{ backoff: { max: NaN } }, TypeError, /`retry.backoff.max`/],
    [{ backoff: { factor: '2' } }, TypeError, /`retry.backoff.factor`/],
    [{ backoff: { jitter: 1 } }, TypeError, /`retry.backoff.jitter`/],
    [{ backoff: { delay: 1 } }, TypeError, /Bad `retry.backoff`: .*did you mean `base`/],
    [{ retryAfter: 5 }, TypeError, /`retry.retryAfter`/],
    [{ maxRetryAfter: -1 }, RangeError, /`retry.maxRetryAfter`/],
  ])('%j is refused', (option, errorClass, message) => {
    expect(() => resolveRetry(option)).toThrow(errorClass)
    expect(() => resolveRetry(option)).toThrow(message)
  })

  it.each(['total', 'connect', 'read', 'status', 'methods', 'statusCodes', 'backoff', 'retryAfter', 'maxRetryAfter'])(
    'refuses null as %s: it is no default',
    (name) => {
      expect(() => resolveRetry({ [name]: null })).toThrow(TypeError)
      expect(() => resolveRetry({ [name]: null })).toThrow(`Expected \`retry.${name}\` to be`)
    },
  )

  it.each(['base', 'factor', 'max', 'jitter'])('refuses null as backoff.%s', (name) => {
    expect(() => resolveRetry({ backoff: { [name]: null } })).toThrow(`Expected \`retry.backoff.${name}\` to be`)
  })
})

describe('parseRetryAfter()', () => {
  const now = Date.UTC(2030, 0, 2, 3, 4, 5)

  it.each<[string | undefined, number | undefined]>([
    ['120', 120_000],
    [' 0 ', 0],
    ['1.5', 1500],
    ['-5', 0],
    ['Wed, 02 Jan 2030 03:04:15 GMT', 10_000],
    ['Wed, 02 Jan 2030 03:04:05 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Wednesday, 02-Jan-30 03:04:15 GMT', 10_000],
    ['Wed Jan  2 03:04:15 2030', 10_000],
    [undefined, undefined],
    ['', undefined],
    ['soon', undefined],
    ['1 2', undefined],
    ['1, 2', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['Infinity', undefined],
    ['2030', 2_030_000],
    ['2030-01-02T03:04:15Z', undefined],
    ['Wed, 02 Foo 2030 03:04:15 GMT', undefined],
    ['in 5 minutes 2030', undefined],
  ])('%j', (header, milliseconds) => {
    expect(parseRetryAfter(header, now)).toBe(milliseconds)
  })

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const wait = parseRetryAfter(text, now)
        expect(wait === undefined || wait >= 0).toBe(true)
      }),
    )
  })

  it('reads every date that JavaScript writes', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(now), max: new Date(Date.UTC(9999, 0)), noInvalidDate: true }), (date) => {
        expect(parseRetryAfter(date.toUTCString(), now)).toBe(Math.floor(date.getTime() / 1000) * 1000 - now)
      }),
    )
  })
})
