// An empty task in a thread and back, beside a bare worker_threads ping: 10 000 of each, one at a time and eight at a time.
import { Worker } from 'node:worker_threads'
import { taskReference, WorkerThreadExecutor } from 'undici-futures'

const echo = `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m))`
const empty = taskReference(new URL('../../fixtures/arithmetic-tasks.mjs', import.meta.url), 'empty')

export const title = 'Round trip of an empty task in a thread, and of a bare ping'
export const contenders = ['threads']
export const rounds = { full: 7, quick: 2 }

export async function measure({ isQuick }) {
  const count = isQuick ? 3_000 : 10_000
  const ping = await openPing()
  const task = openTask()
  const result = {}
  for (const [name, inFlight] of [
    ['One', 1],
    ['Eight', 8],
  ]) {
    const pinged = await time(ping.trip, inFlight, count)
    const done = await time(task.trip, inFlight, count)
    Object.assign(result, { [`ping${name}`]: pinged, [`task${name}`]: done, [`ratio${name}`]: done / pinged })
  }
  await Promise.all([ping.close(), task.close()])
  return result
}

async function openPing() {
  const worker = new Worker(echo, { eval: true })
  const waiting = []
  worker.on('message', () => waiting.shift()())
  const trip = () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      worker.postMessage(1)
    })
  return { trip, close: () => worker.terminate() }
}

function openTask() {
  const executor = new WorkerThreadExecutor({ threads: 1 })
  return { trip: () => executor.submit(empty).result(), close: () => executor.shutdown() }
}

/** @returns microseconds for each, of as many as are in flight */
async function time(trip, inFlight, count) {
  await repeat(trip, inFlight, 2_000) // warm
  const begin = performance.now()
  await repeat(trip, inFlight, count)
  return ((performance.now() - begin) / count) * 1_000
}

async function repeat(trip, inFlight, count) {
  let left = count
  const work = async () => {
    while (left-- > 0) await trip()
  }
  await Promise.all(Array.from({ length: inFlight }, work))
}

export const columns = {
  pingOne: { title: 'ping µs', best: 'min', digits: 1 },
  taskOne: { title: 'task µs', best: 'min', digits: 1 },
  ratioOne: { title: 'ratio', best: 'min', digits: 2 },
  pingEight: { title: 'ping µs, 8 in flight', best: 'min', digits: 1 },
  taskEight: { title: 'task µs, 8 in flight', best: 'min', digits: 1 },
  ratioEight: { title: 'ratio, 8 in flight', best: 'min', digits: 2 },
}
