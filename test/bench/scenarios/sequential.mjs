// One request after the other: what a queue of one adds. The time that the loop is active counts: how long an idle server
// takes to wake does not belong to the client.
import { performance } from 'node:perf_hooks'
import { turnTakers } from '../slices.mjs'

export const title = 'One at a time'
export const contenders = turnTakers
export const inTurns = true
export const rounds = { full: 60, quick: 8 }

export async function keep({ open, url, isQuick }) {
  const client = await open({ url, concurrency: 1 })
  for (let index = 0; index < (isQuick ? 500 : 2_000); index++) await client.submit()
  return { measure: () => measureSlice(client), close: () => client.close() }
}

async function measureSlice(client) {
  // What others have left is not ours to clear away.
  gc({ type: 'minor' })
  const times = new Float64Array(200)
  const before = performance.eventLoopUtilization()
  for (let index = 0; index < times.length; index++) {
    const begin = performance.now()
    await client.submit()
    times[index] = (performance.now() - begin) * 1_000
  }
  const { active } = performance.eventLoopUtilization(before)
  times.sort()
  return { active: (active / times.length) * 1_000, p50: times[100], p99: times[198] }
}

export const columns = {
  active: { title: 'active µs/request', best: 'p10', digits: 0 },
  p50: { title: 'p50 µs', best: 'p10', digits: 0 },
  p99: { title: 'p99 µs', best: 'p10', digits: 0 },
}

export const figures = { p50: 'one at a time: µs, median' }

export const sentence = ({ futures, 'undici-request': request }) =>
  request &&
  `One request after the other keeps the event loop busy for ${(futures.active / request.active).toFixed(2)} x as long as \`undici.request\` does.`
