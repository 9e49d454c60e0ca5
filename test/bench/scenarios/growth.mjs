// From 1 000 to 100 000 queued: what one request costs must not grow with how many wait beside it. As many requests either
// way: batches of a thousand, submitted and cancelled in any order, alone and with 99 000 that wait; and submitted and done, in a
// hundred batches or in one. One batch of 100 000 that is cancelled has no bar: what it costs more is the collector's, for all of
// them live through two of its rounds, and a thousand do not.
import { cpuUsage } from 'node:process'
import { FuturesSession, InProcessExecutor } from 'undici-futures'

export const title = 'Growth from 1 000 to 100 000 queued'
export const contenders = ['futures']
export const rounds = { full: 3, quick: 1 }

export async function measure({ url, isQuick }) {
  const many = isQuick ? 10_000 : 100_000
  const few = 1_000
  const paused = pausedSession()
  const session = new FuturesSession()
  await run(session, url, few, 10)
  cancel(paused, url, few, 20)
  const cancelFew = measured(many, () => cancel(paused, url, few, many / few))
  const waiting = Array.from({ length: many - few }, () => paused.get(url))
  const cancelMany = measured(many, () => cancel(paused, url, few, many / few))
  for (const future of waiting) future.cancel()
  const cancelAll = measured(many, () => cancel(paused, url, many, 1))
  const runFew = await measured(many, () => run(session, url, few, many / few))
  const runMany = await measured(many, () => run(session, url, many, 1))
  await Promise.all([paused.close({ cancel: true }), session.close()])
  const growth = { cancelGrowth: cancelMany / cancelFew, runGrowth: runMany / runFew }
  return { cancelFew, cancelMany, cancelAll, runFew, runMany, ...growth }
}

function pausedSession() {
  const executor = new InProcessExecutor()
  executor.pause()
  return new FuturesSession({ executor })
}

/** @returns CPU microseconds for each of them */
function measured(count, work) {
  globalThis.gc()
  const begin = cpuUsage()
  const each = () => {
    const { user, system } = cpuUsage(begin)
    return (user + system) / count
  }
  const done = work()
  return done === undefined ? each() : done.then(each)
}

/** A step that is prime to every batch size takes them in an order that is none. */
function cancel(session, url, size, batches) {
  for (let batch = 0; batch < batches; batch++) {
    const futures = Array.from({ length: size }, () => session.get(url))
    for (let index = 0; index < size; index++) futures[(index * 7_919) % size].cancel()
    if (!futures.every((future) => future.cancelled())) throw new Error('a future is not cancelled')
  }
}

async function run(session, url, size, batches) {
  for (let batch = 0; batch < batches; batch++) {
    const futures = Array.from({ length: size }, () => session.get(url))
    for (const future of futures) if ((await future.json()).id !== 7) throw new Error('not the answer')
  }
}

export const columns = {
  cancelFew: { title: 'submit and cancel µs, 1 000', best: 'min', digits: 2 },
  cancelMany: { title: 'beside 99 000', best: 'min', digits: 2 },
  cancelAll: { title: '100 000 at once', best: 'min', digits: 2 },
  cancelGrowth: { title: 'cancel grows', best: 'min', digits: 2 },
  runFew: { title: 'submit and run µs, 1 000', best: 'min', digits: 1 },
  runMany: { title: '100 000', best: 'min', digits: 1 },
  runGrowth: { title: 'run grows', best: 'min', digits: 2 },
}

export const sentence = ({ futures: { cancelGrowth, runGrowth } }) =>
  `With 100 000 in the queue a request costs ${runGrowth.toFixed(2)} x what it does with 1 000, and one that is cancelled ${cancelGrowth.toFixed(2)} x.`
