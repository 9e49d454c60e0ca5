import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as errors from '../src/errors.ts'
import {
  attachRequest,
  CancelledError,
  ConnectTimeoutError,
  FuturesError,
  HTTPError,
  InvalidOptionError,
  QueueTimeoutError,
  ReadTimeoutError,
  RequestError,
  ResponseTooLargeError,
  TaskNotCloneableError,
  TimeoutError,
  TotalTimeoutError,
  WorkerCrashedError,
} from '../src/errors.ts'
import { Response } from '../src/session/response/response.ts'

type ErrorName = Exclude<keyof typeof errors, 'attachRequest'>

/** The tree of the contract: name, parent, code. */
const tree: [name: ErrorName, parent: ErrorName | 'Error', code: string][] = [
  ['FuturesError', 'Error', 'ERR_FUTURES'],
  ['CancelledError', 'FuturesError', 'ABORT_ERR'],
  ['TimeoutError', 'FuturesError', 'ERR_TIMEOUT'],
  ['InvalidStateError', 'FuturesError', 'ERR_INVALID_STATE'],
  ['ExecutorError', 'FuturesError', 'ERR_EXECUTOR'],
  ['ExecutorClosedError', 'ExecutorError', 'ERR_EXECUTOR_CLOSED'],
  ['SessionClosedError', 'ExecutorError', 'ERR_SESSION_CLOSED'],
  ['QueueFullError', 'ExecutorError', 'ERR_QUEUE_FULL'],
  ['BrokenExecutorError', 'ExecutorError', 'ERR_BROKEN_EXECUTOR'],
  ['WorkerCrashedError', 'ExecutorError', 'ERR_WORKER_CRASHED'],
  ['TaskNotCloneableError', 'ExecutorError', 'ERR_TASK_NOT_CLONEABLE'],
  ['ModuleNotAllowedError', 'ExecutorError', 'ERR_MODULE_NOT_ALLOWED'],
  ['RequestError', 'FuturesError', 'ERR_REQUEST'],
  ['HTTPError', 'RequestError', 'ERR_HTTP'],
  ['ConnectionError', 'RequestError', 'ERR_CONNECTION'],
  ['ProxyError', 'ConnectionError', 'ERR_PROXY'],
  ['SSLError', 'ConnectionError', 'ERR_SSL'],
  ['ConnectTimeoutError', 'ConnectionError', 'ERR_CONNECT_TIMEOUT'],
  ['ReadTimeoutError', 'RequestError', 'ERR_READ_TIMEOUT'],
  ['TotalTimeoutError', 'RequestError', 'ERR_TOTAL_TIMEOUT'],
  ['QueueTimeoutError', 'RequestError', 'ERR_QUEUE_TIMEOUT'],
  ['TooManyRedirectsError', 'RequestError', 'ERR_TOO_MANY_REDIRECTS'],
  ['ChunkedEncodingError', 'RequestError', 'ERR_CHUNKED_ENCODING'],
  ['ContentDecodingError', 'RequestError', 'ERR_CONTENT_DECODING'],
  ['ResponseTooLargeError', 'RequestError', 'ERR_RESPONSE_TOO_LARGE'],
  ['MissingSchemaError', 'RequestError', 'ERR_MISSING_SCHEMA'],
  ['InvalidSchemaError', 'RequestError', 'ERR_INVALID_SCHEMA'],
  ['InvalidURLError', 'RequestError', 'ERR_INVALID_URL'],
  ['InvalidHeaderError', 'RequestError', 'ERR_INVALID_HEADER'],
  ['InvalidProxyURLError', 'RequestError', 'ERR_INVALID_PROXY_URL'],
  ['InvalidOptionError', 'RequestError', 'ERR_INVALID_OPTION'],
  ['JSONDecodeError', 'RequestError', 'ERR_JSON_DECODE'],
  ['StreamConsumedError', 'RequestError', 'ERR_STREAM_CONSUMED'],
  ['BodyNotReadError', 'RequestError', 'ERR_BODY_NOT_READ'],
  ['UnrewindableBodyError', 'RequestError', 'ERR_UNREWINDABLE_BODY'],
]

const request = { method: 'GET', url: 'http://example.test/' }
const response = new Response({ status: 404, url: 'http://example.test/' })

describe('errors.ts', () => {
  test('has the classes of the contract, and no others', () => {
    const names = Object.keys(errors).filter((name) => name !== 'attachRequest')
    expect(names.toSorted()).toEqual(tree.map(([name]) => name).toSorted())
  })

  test.each(tree)('%s extends %s and has the code %s', (name, parent, code) => {
    const parentClass = parent === 'Error' ? Error : errors[parent]
    expect(Object.getPrototypeOf(errors[name])).toBe(parentClass)
    const error = new errors[name]('what happened')
    expect(error).toBeInstanceOf(parentClass)
    expect(error).toBeInstanceOf(FuturesError)
    expect(error.message).toBe('what happened')
    expect(error.code).toBe(code)
    expect(error.name).toBe(name === 'CancelledError' ? 'AbortError' : name)
    expect(error.stack).toContain(`${error.name}: what happened`)
    expect(Object.keys(error).filter((key) => key === 'name' || key === 'code')).toEqual([])
  })

  test.each(tree)('%s takes a message and a cause, or neither', (name) => {
    const cause = new Error('why')
    const error = new errors[name]('what', { cause })
    expect(error.cause).toBe(cause)
    expect(new errors[name]('what', { cause: undefined })).toHaveProperty('cause', undefined)
    expect('cause' in new errors[name]('what')).toBe(false)
    expect(new errors[name]()).toBeInstanceOf(errors[name])
  })

  test('CancelledError looks like an AbortError of Node', () => {
    const error = new CancelledError(undefined, { cause: 'reason' })
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'reason' })
    expect(error.message).toBe('The future was cancelled')
    expect(inspect(error)).toContain('AbortError')
  })
})

describe('instanceof TimeoutError', () => {
  const timeouts = [
    [new TimeoutError(), 'wait'],
    [new ConnectTimeoutError(), 'connect'],
    [new ReadTimeoutError(), 'read'],
    [new TotalTimeoutError(), 'total'],
    [new QueueTimeoutError(), 'queue'],
  ] as const

  test.each(timeouts)('holds for %s, whose scope is %s', (error, scope) => {
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.scope).toBe(scope)
  })

  test('holds for nothing else', () => {
    const others = tree.map(([name]) => new errors[name]()).filter((error) => !('scope' in error))
    expect(others).toHaveLength(tree.length - 5)
    for (const other of [...others, new Error(), { scope: 'read' }, null, undefined, 1]) {
      expect(other instanceof TimeoutError).toBe(false)
    }
    // A DOMException of this name is none of ours.
    expect(new DOMException('', 'TimeoutError') instanceof TimeoutError).toBe(false)
  })

  test('of a subclass is the ordinary one', () => {
    class OwnTimeout extends TimeoutError {}
    expect(new OwnTimeout()).toBeInstanceOf(TimeoutError)
    expect(new TimeoutError()).not.toBeInstanceOf(OwnTimeout)
    expect(new ReadTimeoutError()).not.toBeInstanceOf(OwnTimeout)
  })
})

describe('Own fields', () => {
  test('are set where they are given, and absent elsewhere', () => {
    expect(new TimeoutError('', { scope: 'wait', unfinished: 2, total: 4 })).toMatchObject({ unfinished: 2, total: 4 })
    expect(new WorkerCrashedError('', { exitCode: 0 }).exitCode).toBe(0)
    expect(new TaskNotCloneableError('', { path: 'hooks.response[0]' }).path).toBe('hooks.response[0]')
    expect(new ResponseTooLargeError('', { limit: 10 }).limit).toBe(10)
    expect(new InvalidOptionError('', { option: 'body' }).option).toBe('body')
    for (const [bare, ...keys] of [
      [new TimeoutError(), 'unfinished', 'total'],
      [new WorkerCrashedError(), 'exitCode'],
      [new TaskNotCloneableError(), 'path'],
      [new ResponseTooLargeError(), 'limit'],
      [new InvalidOptionError(), 'option'],
      [new RequestError(), 'request', 'response'],
    ] as [Error, ...string[]][]) {
      for (const key of keys) expect(key in bare).toBe(false)
    }
  })

  test('.request and .response are there, and not shown', () => {
    const error = new HTTPError('404', { request, response })
    expect([error.request, error.response]).toEqual([request, response])
    expect(Object.keys(error)).toEqual([])
    expect(inspect(error)).not.toContain('example.test')
    expect(JSON.stringify(error)).toBe('{}')
  })
})

describe('attachRequest()', () => {
  test('fills in what the error does not know', () => {
    const error = new RequestError('failed')
    attachRequest(error, request)
    expect(error.request).toBe(request)
    expect(Object.keys(error)).toEqual([])
  })

  test('keeps what is there, and leaves other errors alone', () => {
    const own = { method: 'PUT', url: 'http://own.test/' }
    const error = new RequestError('failed', { request: own })
    attachRequest(error, request)
    expect(error.request).toBe(own)
    const others = [new Error(), new TimeoutError(), undefined, null, 'text']
    for (const other of others) expect(() => attachRequest(other, request)).not.toThrow()
    expect('request' in (others[1] as Error)).toBe(false)
  })
})
