// A large body, read chunk by chunk as it comes, one after the other.
import { cpuUsage } from 'node:process'
import { streamSize } from '../bodies.mjs'

const mebibytes = streamSize / 2 ** 20

export const title = `A body of ${mebibytes} MiB, streamed`
export const contenders = ['futures', 'undici-stream', 'undici-request', 'undici-fetch', 'got', 'axios', 'ky']
export const rounds = { full: 5, quick: 1 }

export async function measure({ open, url, isQuick }) {
  const client = await open({ url: `${url}stream`, concurrency: 1 })
  await read(client)
  const costs = []
  const rates = []
  for (let turn = 0; turn < (isQuick ? 2 : 5); turn++) {
    const cpu = cpuUsage()
    const begin = performance.now()
    await read(client)
    rates.push(mebibytes / ((performance.now() - begin) / 1_000))
    const { user, system } = cpuUsage(cpu)
    costs.push((user + system) / mebibytes)
  }
  await client.close()
  return { cpu: Math.min(...costs), rate: Math.max(...rates) }
}

async function read(client) {
  if ((await client.read()) !== streamSize) throw new Error('not the whole body')
}

export const columns = {
  cpu: { title: 'CPU µs/MiB', best: 'min', digits: 0 },
  rate: { title: 'MiB/s', best: 'max', digits: 0 },
}
export const figures = { cpu: `a streamed body of ${mebibytes} MiB: CPU µs per MiB` }
