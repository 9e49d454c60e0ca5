// `session.map` over 300 000 generated URLs: resident memory a tenth of the way in, and at the end.
import { FuturesSession } from 'undici-futures'

export const title = 'map over 300 000 generated URLs'
export const contenders = ['futures']
export const rounds = { full: 1, quick: 1 }

export async function measure({ url, isQuick }) {
  const count = isQuick ? 50_000 : 300_000
  const session = new FuturesSession()
  let done = 0
  let early = 0
  const begin = performance.now()
  for await (const future of session.map(generate(url, count))) {
    if ((await future.json()).id !== 7) throw new Error('not the answer')
    if (++done === count / 10) early = residentMiB()
  }
  const seconds = (performance.now() - begin) / 1_000
  const late = residentMiB()
  await session.close()
  return { early, late, growth: late / early, rate: count / seconds }
}

function* generate(url, count) {
  for (let index = 0; index < count; index++) yield `${url}${index}`
}

function residentMiB() {
  globalThis.gc()
  return process.memoryUsage().rss / 2 ** 20
}

export const columns = {
  early: { title: 'MiB at 10 %', best: 'min', digits: 1 },
  late: { title: 'MiB at the end', best: 'min', digits: 1 },
  growth: { title: 'end / 10 %', best: 'min', digits: 3 },
  rate: { title: 'requests/s', best: 'max', digits: 0 },
}

export const bars = [{ of: 'futures', column: 'growth', atMost: 1.15 }]
