// One request after the other: the latency that a queue of one adds.
import { pythonPeers } from '../python.mjs'

export const title = 'One at a time'
export const contenders = ['futures', 'undici-request', 'undici-fetch', 'got', 'axios', 'ky', ...pythonPeers]
export const rounds = { full: 5, quick: 2 }

export async function measure({ open, url, isQuick }) {
  const client = await open({ url, concurrency: 1 })
  const count = isQuick ? 1_000 : 3_000
  const times = new Float64Array(count)
  for (let index = -1_000; index < count; index++) {
    const begin = performance.now()
    await client.submit()
    if (index >= 0) times[index] = (performance.now() - begin) * 1_000
  }
  await client.close()
  times.sort()
  return { p50: times[count >> 1], p99: times[Math.floor(count * 0.99)] }
}

export const columns = {
  p50: { title: 'p50 µs', best: 'min', digits: 0 },
  p99: { title: 'p99 µs', best: 'min', digits: 0 },
}

export const figures = { p50: 'one at a time: µs, median' }
export const bars = [{ of: 'futures', to: 'undici-request', column: 'p50', atMost: 1.15 }]

export const sentence = ({ futures, 'undici-request': request }) =>
  request &&
  `One request after the other takes ${(futures.p50 / request.p50).toFixed(2)} x the time of \`undici.request\`.`
