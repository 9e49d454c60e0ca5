// Bodies of 1 MiB, eight at a time, parsed in a hook: what is left of the main loop meanwhile.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { taskReference } from 'undici-futures'
import { startLargeServer } from '../large-json.mjs'

const concurrency = 8

export const title = '1 MiB of JSON parsed in a hook, 8 at a time, in process and in threads'
export const contenders = ['futures', 'threads']
export const rounds = { full: 5, quick: 2 }

export async function measure({ open, isQuick }) {
  const server = await startLargeServer()
  const hook = taskReference(new URL('../large-json.mjs', import.meta.url), 'summarize')
  const client = await open({ url: server.url, concurrency, hooks: { response: hook } })
  const count = isQuick ? 100 : 400
  await request(client, 50) // warm
  const delays = monitorEventLoopDelay({ resolution: 1 })
  const idle = performance.eventLoopUtilization()
  delays.enable()
  const begin = performance.now()
  await request(client, count)
  const seconds = (performance.now() - begin) / 1_000
  delays.disable()
  const { utilization } = performance.eventLoopUtilization(idle)
  await client.close()
  server.close()
  return { utilization, delay: delays.percentile(99) / 1e6, rate: count / seconds }
}

/** Always eight of them. */
async function request(client, count) {
  let left = count
  const work = async () => {
    while (left-- > 0) if ((await client.get()).data.rows === 0) throw new Error('not the answer')
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

export const columns = {
  utilization: { title: 'main loop busy', best: 'min', digits: 2 },
  delay: { title: 'loop delay p99 ms', best: 'min', digits: 1 },
  rate: { title: 'requests/s', best: 'max', digits: 0 },
}
