// `session.map` over 300 000 generated URLs: does resident memory grow with the number of URLs? V8 gives its young
// generation more room in a few steps (to 2 x 16 MiB), whenever enough has outlived a collection, be it only what is under
// way just then; the last step comes after some 60 000 to 100 000 requests, in any program that keeps so many in flight.
// So there are requests before, to have it behind us. What a process sees that begins cold is shown beside.
import { FuturesSession } from 'undici-futures'

export const title = 'map over 300 000 generated URLs'
export const contenders = ['futures']
export const rounds = { full: 1, quick: 1 }

export async function measure({ url, isQuick }) {
  const count = isQuick ? 100_000 : 300_000
  const session = new FuturesSession()
  const cold = await run(session, url, count)
  const warm = await run(session, url, count)
  await session.close()
  return { ...warm, cold: cold.growth }
}

async function run(session, url, count) {
  let done = 0
  let early = 0
  const begin = performance.now()
  for await (const future of session.map(generate(url, count))) {
    if ((await future.json()).id !== 7) throw new Error('not the answer')
    if (++done === count / 10) early = residentMiB()
  }
  const seconds = (performance.now() - begin) / 1_000
  const late = residentMiB()
  return { early, late, growth: late / early, rate: count / seconds }
}

function* generate(url, count) {
  for (let index = 0; index < count; index++) yield `${url}${index}`
}

function residentMiB() {
  globalThis.gc()
  return process.memoryUsage.rss() / 2 ** 20
}

export const columns = {
  early: { title: 'MiB at 10 %', best: 'min', digits: 1 },
  late: { title: 'MiB at the end', best: 'min', digits: 1 },
  growth: { title: 'end / 10 %', best: 'min', digits: 3 },
  cold: { title: 'of a cold process', best: 'min', digits: 3 },
  rate: { title: 'requests/s', best: 'max', digits: 0 },
}

export const sentence = ({ futures: { growth, cold } }) =>
  `\`session.map\` over 300 000 generated URLs ends with ${growth.toFixed(2)} x the resident memory that it had after a tenth of them; in a process that begins cold with ${cold.toFixed(2)} x, for V8 doubles its young generation once in between.`
