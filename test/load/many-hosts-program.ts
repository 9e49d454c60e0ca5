/**
 * Asks a thousand hosts, with few file descriptors: `many-hosts-program.ts '<ManyHostsOptions as JSON>'` prints a
 * ManyHostsReport, and must end by itself then. Every host is an address of this machine.
 */
import {
  FuturesSession,
  InProcessExecutor,
  WorkerThreadExecutor,
  type Progress,
  type RequestSpec,
} from '../../src/index.ts'

export interface ManyHostsOptions {
  readonly executor: 'in-process' | 'threads'
  readonly workers: number
  readonly threads?: number
  /** How many requests exist at once; default twice the workers. */
  readonly window?: number
  /** `http://0.0.0.0:port`, with the port of all hosts. */
  readonly base: string
  readonly hosts: number
  readonly requests: number
}

export interface ManyHostsReport {
  readonly answered: number
  /** Of the numbers of all requests that were answered. */
  readonly sum: number
  readonly stats: Progress
  /** What went wrong, in words. */
  readonly wrong: readonly string[]
  readonly strays: readonly string[]
}

const options = JSON.parse(process.argv[2]!) as ManyHostsOptions
const strays: string[] = []
for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(event, (error: Error) => strays.push(`${event}: ${error.stack}`))
}

function urlOf(host: number, path: string): string {
  const index = host % options.hosts
  return options.base.replace('0.0.0.0', `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`) + path
}

/** First one after the other, then in leaps; some hosts close, some redirect to another one, some bodies are streamed. */
function specOf(id: number): RequestSpec {
  const host = id < options.requests / 2 ? id : id * 7919
  if (id % 10 === 1) return { url: urlOf(host, `/close/${id}`) }
  if (id % 10 === 2) return { url: urlOf(host, `/plain/${id}`), stream: !executor.isolated }
  if (id % 10 === 3) return { url: urlOf(host, `/moved/${id}`), params: { to: urlOf(host + 13, `/plain/${id}`) } }
  if (id % 10 === 4) return { url: urlOf(host, `/plain/${id}`), method: 'POST', json: { id } }
  return { url: urlOf(host, `/plain/${id}`) }
}

function* specs(): Generator<RequestSpec, void, void> {
  for (let id = 0; id < options.requests; id++) yield { ...specOf(id), context: id }
}

const { workers: maxWorkers, threads } = options
const executor =
  options.executor === 'threads'
    ? new WorkerThreadExecutor({ maxWorkers, threads })
    : new InProcessExecutor({ maxWorkers })
const session = new FuturesSession({ executor, verify: false })
const wrong: string[] = []
let answered = 0
let sum = 0
for await (const future of session.map(specs(), { bufferSize: options.window })) {
  try {
    const response = await (await future.result()).read()
    const id = Number(response.text())
    if (id !== future.request.context) wrong.push(`#${String(future.request.context)} got ${response.text()}`)
    answered++
    sum += id
  } catch (error) {
    if (wrong.length < 10) wrong.push(String(error))
  }
}
const stats = session.stats()
await session.close()
await executor.shutdown()
const report: ManyHostsReport = { answered, sum, stats, wrong, strays }
console.log(JSON.stringify(report))
