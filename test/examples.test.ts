/** Runs every example as it stands, against the server it starts itself, and looks at what it prints. */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasRedis } from './helpers/redis.ts'
import { projectRoot, runNode, strictly } from './helpers/run-node.ts'

/** The lines that an example prints; `sorted` where their order is chance. */
const expected: Record<string, { lines: readonly (string | RegExp)[]; sorted?: boolean; warns?: RegExp }> = {
  'quick-start': { lines: ['first: 200 application/json', "second: { id: 7, name: 'user 7' }"] },
  'as-completed': { lines: ['waited 100', 'waited 500', 'waited 900'] },
  'cancel-on-dispose': {
    lines: ['first: 200', `fulfilled ${Array(10).fill('cancelled').join(' ')}`, 'AbortError ABORT_ERR'],
  },
  'attaching-data': {
    lines: ['property: red', 'property: green', 'property: blue', 'context: white', 'data: black'],
  },
  'hooks-in-the-background': {
    lines: ['the caller goes on while the hook runs', "parsed by the hook: [ 'apple', 'pear', 'quince' ]"],
  },
  'session-hooks': {
    lines: [
      'the server saw: signed POST',
      'recovered: true 404',
      'not recovered: HTTPError',
      "counted: { '200': 1, '404': 1, '500': 1 }",
    ],
  },
  'elapsed-by-subclassing': {
    lines: [
      'asked -> done: true, sent -> headers: true',
      'asked -> done: true, sent -> headers: true',
      'the second waited for the worker: true',
    ],
  },
  fleet: { lines: [hasRedis ? '1000 answers, ids add up: true' : /^There is no redis-server here/] },
  'shared-executor': {
    lines: ['user 1', 'user 2', 'user 3', 'user 4', 'pages: cancelled cancelled cancelled cancelled', 'sum: 2'],
  },
  'bounded-map': {
    lines: [/500\/500 taken/, 'the generator was ended: true', 'requests made beyond those taken, at most 16: true'],
  },
  'wrapping-fetch': { lines: ['cancelled', 'true user 1', 'true user 2', 'true user 3'], sorted: true },
  'login-with-cookies': {
    lines: ['before: 401', 'after: 200', 'without a jar: 401', 'with its own: token=of ann'],
  },
  digest: {
    lines: [
      'first: 200 after a 401',
      'second: 200 at once; uses of the challenge: 2',
      'hops before it: 0',
      'a wrong password: 401',
    ],
  },
  proxy: {
    lines: [
      "through the proxy: user 1 [ 'GET /users/1' ]",
      'around it: user 2 []',
      'also not: user 3 []',
      'without a password: 407',
      "nor a tunnel: ProxyError [ 'GET /users/4', 'CONNECT' ]",
    ],
  },
  'client-certificate': {
    lines: [
      'without a certificate: 403 hello stranger',
      'with one: 200 hello test client',
      'with a passphrase: 200 hello test client',
      'again without, on a connection of its own: 403 hello stranger',
      "without the server's authority: SSLError",
    ],
  },
  'refresh-token': { lines: [...Array<string>(5).fill('status 200'), 'refreshes: 1'] },
  'download-to-disk': { lines: ['announced: 5000000', 'on disk: 5000000'] },
  'upload-with-progress': {
    lines: ['type: multipart/form-data', 'received at least a MiB: true', 'progress was told more than once: true'],
  },
  retries: {
    lines: [
      'attempt 1: 503, again at once, as the server asks',
      'attempt 2: 503, again soon',
      'in the end: 200',
      'attempt 1: 503, again soon',
      'exhausted, the last response: 503',
      'a POST is not sent again: 503',
    ],
  },
  'testing-with-mock-agent': {
    lines: ['Ann', '503', 'nothing runs by itself: pending', 'and cancelled work never does: cancelled'],
  },
  'timeouts-and-errors': {
    lines: [
      'no answer in time: TotalTimeoutError, scope total',
      'not acceptable: HTTPError, status 503',
      'nobody listens: ConnectionError, because of ECONNREFUSED',
      'no URL: MissingSchemaError, GET example.com',
      'TimeoutError, scope wait; the request is running',
      'later: 200',
    ],
  },
  'pool-urls': {
    lines: [
      '200 /users/1',
      '200 /users/2',
      '404 /status/404',
      'ERR_CONNECTION http://127.0.0.1:1/nobody',
      'ERR_MISSING_SCHEMA no URL',
    ],
    sorted: true,
  },
  'pool-mixed-methods': {
    lines: [
      /^DELETE \/echo {2}true/,
      /^GET \/echo\?page=2&tag=a&tag=b/,
      /^POST \/echo {"name":"Ann"}/,
      /^PUT \/echo name=Ann&city=Ulm/,
    ],
    sorted: true,
  },
  'pool-initializer': {
    lines: [
      ...[1, 2, 3, 4].map((page) => `/echo?page=${page} my-scraper/0.1 key-of-mine`),
      'sessions: 2 of which in use: 2',
    ],
    sorted: true,
  },
  'pool-retry': {
    lines: ['/json: 200, attempt 1', '/flaky/2: 200, attempt 3', '/status/503: given up, ERR_HTTP'],
  },
  'pool-monitoring': {
    lines: [
      /300\/300: 270 well, 30 failed/,
      'counts: { submitted: 300, responses: 270, exceptions: 30, cancelled: 0 }',
      'the first failure: 503 Server Error: Service Unavailable for url: /status/503',
    ],
  },
  'pool-rate-limit': {
    lines: ['users: 10 of 10', 'bytes: 10 of 10', 'delay: 10 of 10', 'no faster than allowed: true'],
  },
  'threads-parse-json': {
    lines: [
      '1000 rows, total 499500, larger than 64 KiB: false',
      '20000 rows, total 199990000, larger than 64 KiB: true',
      '50000 rows, total 1249975000, larger than 64 KiB: true',
    ],
    sorted: true,
  },
  'threads-cpu-task': {
    lines: ['the main thread goes on meanwhile', 'primes below 200000: 17984', 'AbortError because: seen enough'],
  },
  'threads-initializer': {
    lines: [
      'a task uses it: true',
      "and so does a hook: [ 'apple', 'quince' ]",
      'BrokenExecutorError because of a TypeError',
    ],
  },
  'pool-stream-to-disk': { lines: ['responses: 990', 'failures: 10'] },
  'fastify-server': { lines: ['request id: req-1', 'too late: 504', 'called off: delay/60000'] },
  metrics: {
    lines: [
      ...['{outcome="cancelled"} 1', '{outcome="200"} 21', '{outcome="404"} 1', '{outcome="ERR_CONNECTION"} 1'].map(
        (each) => `http_client_requests_total${each}`,
      ),
      'http_client_seconds_bucket{le="+Inf"} 22',
      'http_client_retries_total 2',
      'http_client_queue_length 0',
      'http_client_in_flight 0',
    ],
  },
  'open-telemetry': {
    lines: [
      'span: GET in our work, well 200',
      'the server saw the trace: true',
      'span: GET in our work, failed ERR_CONNECTION',
      'span: our work in nothing, well',
    ],
  },
  'resume-download': {
    lines: [
      /^ChunkedEncodingError at \d+ bytes, again/,
      /^ChunkedEncodingError at \d+ bytes, again/,
      'as promised: true 1000000',
    ],
  },
  paging: {
    lines: [
      'item 1.1, item 1.2, item 1.3',
      'item 5.1, item 5.2, item 5.3',
      'items: 15',
      'found: shoe 0.1, shoe 0.2, shoe 1.1, shoe 1.2',
    ],
  },
  'csv-restart': { lines: ['rows that are there: 300', 'rows in the end: 1000 999,city 999,user 999'] },
  'undici-interceptors': {
    lines: [
      'three at once, asked: 1 1 1',
      'later, from the cache: 1',
      'names looked up: api.internal',
      'a lookup of ours: user 7',
    ],
  },
  'server-sent-events': {
    lines: ['tick 1', 'tick 2', 'ended after 2; again in 10 ms', 'tick 3', 'tick 4', /^ended after 4/, 'tick 5'],
  },
  'fake-timers': { lines: ['three minutes have passed'], warns: /MockTimers API|--trace-warnings/ },
  bundling: { lines: ['the bundle says: 100 rows'] },
}

/** Not examples: what several share, what one uses, and what `npm start` runs (test/start.test.ts). */
const others = ['server', 'print-spans', 'start', 'start-server']

/** In ms, on a busy machine: the fleet waits until the locks of the worker that was killed have run out. */
const limit = 180_000

const names = readdirSync(path.join(projectRoot, 'examples'))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length))

describe.concurrent('examples', () => {
  test.each(names.filter((name) => !others.includes(name)))(
    '%s.mjs prints what it says',
    async (name) => {
      const { code, stdout, stderr } = await runNode([...strictly, `examples/${name}.mjs`], undefined, limit)
      const { lines, sorted, warns } = expected[name]!
      const errors = stderr.split('\n').filter((line) => warns?.test(line) !== true)
      expect({ code, errors }).toEqual({ code: 0, errors: [''] })
      const printed = stdout.split('\n').filter((line) => line !== '')
      if (sorted === true) printed.sort()
      for (const line of lines) {
        const found = printed.findIndex((each) => (typeof line === 'string' ? each === line : line.test(each)))
        expect(found, `${String(line)} in\n${stdout}`).toBeGreaterThanOrEqual(0)
        printed.splice(0, found + 1)
      }
    },
    limit + 1_000,
  )
})
