/**
 * HTTP/2: data, RST_STREAM, GOAWAY, SETTINGS, FIN and RST at any moment, and readers of any speed: nothing is thrown where
 * nobody can catch it, nothing hangs, what is read is the beginning of what was sent, and it is whole if and only if it is.
 * `SEED=2` takes other cases, `FUZZ_SECONDS=50` goes on with those of the seeds after it for so long.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { WorkerThreadExecutor, type FuturesSessionOptions } from '../../src/index.ts'
import { meet } from '../helpers/fuzz-readers.ts'
import { until } from '../helpers/gate.ts'
import { h2FlawOf, h2PlansOf, startFrameFuzz } from '../helpers/h2/frame-fuzz.ts'
import { Http2Site } from '../helpers/h2/site.ts'
import { seed } from '../helpers/random-text.ts'
import type { Reader } from '../helpers/socket-fuzz.ts'
import { straysOf } from '../helpers/strays.ts'

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0)
const lanes = 12
/** Of one seed. */
const count = 200

const readers: readonly Reader[] = ['whole', 'slow', 'slow', 'late', 'leaves', 'closes', 'cancels']
const collecting: readonly Reader[] = ['whole', 'whole', 'whole', 'cancels']

interface Way {
  readonly name: string
  readonly readers: readonly Reader[]
  readonly open?: () => { options: FuturesSessionOptions; close(): Promise<unknown> }
}

const ways: readonly Way[] = [
  { name: 'streamed', readers },
  { name: 'buffered', readers: collecting },
  {
    name: 'buffered, in a thread',
    readers: collecting,
    open: () => {
      const executor = new WorkerThreadExecutor({ maxWorkers: lanes, threads: 1 })
      return { options: { executor }, close: async () => executor.shutdown() }
    },
  },
]

const site = new Http2Site()
afterEach(() => site.close())

describe('a response over HTTP/2 that is cut off anywhere, or not', () => {
  test.each(ways)(
    'is whole, or an error behind its beginning: $name',
    { timeout: 60_000 + seconds * 1500 },
    async (way) => {
      const startedAt = performance.now()
      let own = seed
      do await expectFine(way, own++)
      while (performance.now() - startedAt < (seconds * 1000) / ways.length)
    },
  )
})

async function expectFine(way: Way, ofSeed: number): Promise<void> {
  const plans = new Map([...h2PlansOf(ofSeed, count, way.readers)].map((plan) => [plan.id, plan]))
  const server = await startFrameFuzz(plans)
  site.later(() => server.close())
  const { options = {}, close } = way.open?.() ?? {}
  const session = site.session({
    ...{ stream: way.readers === readers, retry: 0, timeout: { read: 5000 } },
    ...(options.executor === undefined && { maxWorkers: lanes }),
    ...options,
  })
  const flaws: string[] = []
  const waiting = [...plans.values()]
  const lane = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      const outcome = await meet(session, `${server.url}/${plan.id}`, plan)
      const attempts = server.attempts.get(plan.id) ?? []
      const flaw = h2FlawOf(plan, attempts, outcome)
      if (flaw !== undefined)
        flaws.push(`${flaw}: ${JSON.stringify({ plan, isWhole: attempts.map(({ isWhole }) => isWhole) })}`)
    }
  }
  const strays = await straysOf(async () => {
    await Promise.all(Array.from({ length: lanes }, lane))
    await session[Symbol.asyncDispose]()
    await close?.()
    // One below TLS that was reset never says that it is closed.
    await until(() => [...server.openSockets].every(({ destroyed }) => destroyed))
  })
  const repeat = `SEED=${ofSeed} npx vitest run --config test/vitest.config.ts test/security/h2-fuzz.test.ts`
  expect({ flaws, strays }, repeat).toEqual({ flaws: [], strays: [] })
}
