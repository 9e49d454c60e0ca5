// Small JSON bodies, eight at a time, parsed: what a request costs. Everything is submitted at once in batches, so that
// each contender has a queue to manage.
import { cpuUsage } from 'node:process'

const batch = 1_000

export const title = 'Small JSON, 8 at a time'
export const contenders = [
  'futures',
  'futures-configured',
  'raw-dispatch',
  'undici-request',
  'undici-fetch',
  'got',
  'axios',
  'ky',
]
export const rounds = { full: 5, quick: 2 }

/** In a process of its own. */
export async function measure({ open, url, isQuick }) {
  const client = open({ url, concurrency: 8 })
  const count = isQuick ? 5_000 : 20_000
  await submit(client, isQuick ? 3_000 : 10_000) // warm: connected and compiled; a forced collection here would undo that
  const cpu = cpuUsage()
  const begin = performance.now()
  await submit(client, count)
  const seconds = (performance.now() - begin) / 1_000
  const { user, system } = cpuUsage(cpu)
  await client.close()
  return { cpu: (user + system) / count, rate: count / seconds }
}

async function submit(client, count) {
  for (let done = 0; done < count; done += batch) {
    const answers = Array.from({ length: batch }, client.submit)
    for (const answer of answers) if ((await answer).id !== 7) throw new Error('not the answer')
  }
}

export const columns = {
  cpu: { title: 'CPU µs/request', best: 'min', digits: 1 },
  rate: { title: 'requests/s', best: 'max', digits: 0 },
}

/** The bars of issue 2, on CPU per request; issue 3: they hold with a jar and retries that are not used. */
export const bars = [
  { of: 'futures', to: 'undici-request', column: 'cpu', atMost: 0.9 },
  { of: 'futures', to: 'raw-dispatch', column: 'cpu', atMost: 1.25 },
  { of: 'futures', to: 'undici-fetch', column: 'cpu', atMost: 0.25 },
  { of: 'futures', to: 'got', column: 'cpu', atMost: 0.16 },
  { of: 'futures', to: 'axios', column: 'cpu', atMost: 0.16 },
  { of: 'futures', to: 'ky', column: 'cpu', atMost: 0.16 },
  { of: 'futures-configured', to: 'undici-request', column: 'cpu', atMost: 0.9 },
  { of: 'futures-configured', to: 'raw-dispatch', column: 'cpu', atMost: 1.25 },
]
