/** The public names of the built package: a name more or less is a change of the contract. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { projectRoot, runNode } from './helpers/run-node.ts'

const expected: Record<string, readonly string[]> = {
  '.': [
    // 1. Futures
    ...['Future', 'FutureController', 'asCompleted', 'wait'],
    // 2. Executors
    ...['InProcessExecutor', 'WorkerThreadExecutor', 'taskReference'],
    // 3. Sessions
    ...['FuturesSession', 'HeaderMap', 'PreparedRequest', 'Response', 'ResponseFuture', 'Session'],
    ...['basic', 'bearer', 'digest', 'userAgent'],
    // 5. Errors
    ...['FuturesError', 'CancelledError', 'TimeoutError', 'InvalidStateError'],
    ...['ExecutorError', 'ExecutorClosedError', 'SessionClosedError', 'QueueFullError', 'BrokenExecutorError'],
    ...['WorkerCrashedError', 'TaskNotCloneableError', 'ModuleNotAllowedError'],
    ...['RequestError', 'HTTPError', 'ConnectionError', 'ProxyError', 'SSLError', 'ConnectTimeoutError'],
    ...['ReadTimeoutError', 'TotalTimeoutError', 'QueueTimeoutError'],
    ...['TooManyRedirectsError', 'ChunkedEncodingError', 'ContentDecodingError', 'ResponseTooLargeError'],
    ...['MissingSchemaError', 'InvalidSchemaError', 'InvalidURLError', 'InvalidHeaderError', 'InvalidProxyURLError'],
    ...['InvalidOptionError', 'JSONDecodeError', 'StreamConsumedError', 'BodyNotReadError', 'UnrewindableBodyError'],
  ],
  './pool': ['Pool', 'ThreadException', 'map'],
  './testing': ['ManualExecutor', 'executorContract'],
  './bullmq': ['BullMQExecutor', 'startWorker'],
}

const entries = Object.keys(expected)
const specifier = (entry: string): string => `undici-futures${entry.slice(1)}`

beforeAll(() => {
  if (!existsSync(path.join(projectRoot, 'dist/index.js')))
    throw new Error('There is no dist/: run `npm run build` first')
})

describe('undici-futures', () => {
  test('has the entries of the contract', () => {
    const manifest = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as { exports: object }
    expect(Object.keys(manifest.exports)).toEqual([...entries, './package.json'])
  })

  test.each(entries)('import of %s has exactly the public names', async (entry) => {
    const code = `console.log(JSON.stringify(Object.keys(await import('${specifier(entry)}'))))`
    expect(await namesPrinted(['--input-type=module', '--eval', code])).toEqual([...expected[entry]!].sort())
  })

  test.each(entries)('require() of %s has the same names', async (entry) => {
    const code = `console.log(JSON.stringify(Object.keys(require('${specifier(entry)}'))))`
    const names = await namesPrinted(['--input-type=commonjs', '--eval', code])
    expect(names.filter((name) => name !== '__esModule')).toEqual([...expected[entry]!].sort())
  })

  test.each(entries)('classes and functions of %s have their own names', async (entry) => {
    const code = `console.log(JSON.stringify(Object.values(await import('${specifier(entry)}')).map(({ name }) => name)))`
    const functions = expected[entry]!.filter((name) => name !== 'executorContract')
    expect((await namesPrinted(['--input-type=module', '--eval', code])).filter(Boolean)).toEqual([...functions].sort())
  })

  test('import and require() give the same classes', async () => {
    const code = `import('undici-futures').then(({ Future }) => console.log(Future === require('undici-futures').Future))`
    const { stdout } = await runNode(['--input-type=commonjs', '--eval', code])
    expect(stdout.trim()).toBe('true')
  })

  test('error classes have the names and codes of the contract', async () => {
    const code = `
      const errors = Object.entries(await import('undici-futures')).filter(([name]) => name.endsWith('Error'))
      console.log(JSON.stringify(errors.map(([name, C]) => [name, new C('m').name, new C('m').code])))`
    const { stdout } = await runNode(['--input-type=module', '--eval', code])
    for (const [exported, name, errorCode] of JSON.parse(stdout) as [string, string, string][]) {
      const isCancelled = exported === 'CancelledError'
      expect(name).toBe(isCancelled ? 'AbortError' : exported)
      expect(errorCode).toBe(isCancelled ? 'ABORT_ERR' : codeOf(exported))
    }
  })
})

async function namesPrinted(args: readonly string[]): Promise<string[]> {
  const { stdout, stderr, code } = await runNode(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return (JSON.parse(stdout) as string[]).sort()
}

/** 'ERR_' + the class name in capitals without ERROR: `QueueFullError` is ERR_QUEUE_FULL, `HTTPError` ERR_HTTP. */
function codeOf(name: string): string {
  const words = name.replace(/Error$/, '').match(/[A-Z]+(?![a-z])|[A-Z][a-z]+/g) ?? []
  return ['ERR', ...words.map((word) => word.toUpperCase())].join('_')
}
