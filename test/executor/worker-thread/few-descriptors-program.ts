/** Run with few descriptors: takes all of them but so many, and sees what becomes of tasks meanwhile and afterwards. */
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { FuturesSession, taskReference, WorkerThreadExecutor, type Future } from '../../../src/index.ts'

const [scenario, left = '0', base = ''] = process.argv.slice(2)
const taken: number[] = []

function takeDescriptors(): void {
  try {
    for (;;) taken.push(openSync(devNull, 'r'))
  } catch {
    // That was the last one.
  }
  for (const each of taken.splice(0, Number(left))) closeSync(each)
}

function giveBack(): void {
  for (const each of taken.splice(0)) closeSync(each)
}

const fixture = (file: string, name: string, ...args: unknown[]) =>
  taskReference(`file://${process.cwd()}/test/fixtures/${file}`, name, ...args)
const add = (n: number) => fixture('arithmetic-tasks.mjs', 'add', n, 1)
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function outcomeOf(future: Future<unknown>): Promise<unknown> {
  const error = await future.exception().catch((cancelled: unknown) => cancelled)
  if (error === undefined) return future.resultNow()
  const { name, message, cause } = error as Error & { cause?: { code?: string } }
  return { name, message, cause: cause?.code }
}

const outcomesOf = (futures: readonly Future<unknown>[]) => Promise.all(futures.map(outcomeOf))

const scenarios: Record<string, () => Promise<unknown>> = {
  /** Less than the patience of what waits. */
  async 'for a moment'() {
    const executor = new WorkerThreadExecutor({ threads: 2 })
    takeDescriptors()
    const futures = [1, 2, 3].map((n) => executor.submit(add(n)))
    await sleep(1_000)
    const cancelled = futures.pop()!.cancel()
    giveBack()
    return { waited: await outcomesOf(futures), cancelled, later: await outcomeOf(executor.submit(add(10))) }
  },

  async 'for long'() {
    const executor = new WorkerThreadExecutor({ threads: 1, maxWorkers: 2 })
    takeDescriptors()
    const waited = await outcomesOf([1, 2].map((n) => executor.submit(add(n))))
    giveBack()
    return { waited, later: await outcomesOf([10, 11, 12].map((n) => executor.submit(add(n)))) }
  },

  async 'with a thread at work'() {
    const executor = new WorkerThreadExecutor({ threads: 4 })
    await executor.submit(add(0)).result()
    takeDescriptors()
    const waited = await outcomesOf(Array.from({ length: 20 }, (_, n) => executor.submit(add(n))))
    giveBack()
    return { waited, later: await outcomeOf(executor.submit(add(10))) }
  },

  async 'when a module is to be read'() {
    const executor = new WorkerThreadExecutor({ threads: 1 })
    await executor.submit(add(0)).result()
    takeDescriptors()
    const waited = await outcomeOf(executor.submit(fixture('result-tasks.mjs', 'echo', 1)))
    giveBack()
    const later = await outcomesOf([2, 3].map((n) => executor.submit(fixture('result-tasks.mjs', 'echo', n))))
    return { waited, later }
  },

  async 'an initializer that fails'() {
    const executor = new WorkerThreadExecutor({ threads: 1, initializer: fixture('initializers.mjs', 'fail', 'no') })
    takeDescriptors()
    const future = executor.submit(add(1))
    await sleep(300)
    giveBack()
    return { waited: await outcomeOf(future) }
  },

  async 'all is cancelled'() {
    const executor = new WorkerThreadExecutor({ threads: 1, maxWorkers: 2 })
    takeDescriptors()
    const futures = [1, 2, 3, 4].map((n) => executor.submit(add(n)))
    await sleep(200)
    for (const each of futures) each.cancel()
    giveBack()
    // Nothing keeps the process alive from here on.
    return { waited: futures.map(({ state }) => state) }
  },

  async requests() {
    const session = new FuturesSession({ executor: new WorkerThreadExecutor({ threads: 1 }), unobserved: 'ignore' })
    const get = (path: string) => session.get(`${base}${path}`).text()
    takeDescriptors()
    const waiting = ['/a', '/b'].map(get)
    await sleep(500)
    giveBack()
    const waited = await Promise.all(waiting)
    return { waited, later: await get('/c') }
  },
}

const begin = performance.now()
const report = await scenarios[scenario ?? '']!()
process.on('exit', () => {
  console.log(JSON.stringify({ ...(report as object), seconds: (performance.now() - begin) / 1_000 }))
})
