// What a request costs, measured in turns, in one process: each measurement is a slice of few requests, there are many of
// them, and the tenth percentile of each contender counts.
import { cpuUsage } from 'node:process'
import { submit } from './batches.mjs'
import { pythonPeers } from './python.mjs'

/** Who takes turns: ours, the same build once more, and the peers. */
export const turnTakers = [
  'futures',
  'futures-twin',
  'undici-request',
  'undici-fetch',
  'got',
  'axios',
  'ky',
  ...pythonPeers,
]

/**
 * @param size how many requests a slice has
 * @param batch how many of them are submitted at once
 * @param check throws if an answer is not the right one
 * @returns what measures CPU microseconds for each request, and requests in a second
 */
export async function keepSlices({ client, warm, size, batch, check }) {
  await submit(client, warm, batch, check)
  return {
    async measure() {
      // What others have left is not ours to clear away.
      gc({ type: 'minor' })
      const cpu = cpuUsage()
      const begin = performance.now()
      await submit(client, size, batch, check)
      const seconds = (performance.now() - begin) / 1_000
      const { user, system } = cpuUsage(cpu)
      return { cpu: (user + system) / size, rate: size / seconds }
    },
    close: () => client.close(),
  }
}

export const columns = {
  cpu: { title: 'CPU µs/request', best: 'p10', digits: 1 },
  rate: { title: 'requests/s', best: 'p90', digits: 0 },
}
