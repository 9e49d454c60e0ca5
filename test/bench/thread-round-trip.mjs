// `node test/bench/thread-round-trip.mjs [module]`: an empty task in a thread and back, beside a bare worker_threads ping.
// One after the other, 10 000 of each in turns; the best of all rounds counts. The bar: at most 1.5 times the ping.
import { Worker } from 'node:worker_threads'

const { WorkerThreadExecutor, taskReference } = await import(process.argv[2] ?? 'undici-futures')

const count = 10_000
const rounds = 7
const echo = `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m))`

async function ping() {
  const worker = new Worker(echo, { eval: true })
  let resolve
  worker.on('message', (message) => resolve(message))
  const microseconds = await time(() => new Promise((settle) => ((resolve = settle), worker.postMessage(1))))
  await worker.terminate()
  return microseconds
}

async function task() {
  const executor = new WorkerThreadExecutor({ threads: 1 })
  const empty = taskReference(new URL('../fixtures/arithmetic-tasks.mjs', import.meta.url), 'empty')
  const microseconds = await time(() => executor.submit(empty).result())
  await executor.shutdown()
  return microseconds
}

async function time(roundTrip) {
  for (let index = 0; index < 1_000; index++) await roundTrip()
  const begin = performance.now()
  for (let index = 0; index < count; index++) await roundTrip()
  return ((performance.now() - begin) / count) * 1_000
}

const best = { ping: Infinity, task: Infinity }
for (let round = 0; round < rounds; round++) {
  best.ping = Math.min(best.ping, await ping())
  best.task = Math.min(best.task, await task())
}
const ratio = best.task / best.ping
console.log(`ping ${best.ping.toFixed(1)} µs, empty task ${best.task.toFixed(1)} µs: ${ratio.toFixed(2)} x (bar: 1.5)`)
