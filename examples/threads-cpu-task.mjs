// Any work in threads: a task is named by its module, gets clones of its arguments, and can be cancelled.
import { Future, taskReference, WorkerThreadExecutor } from 'undici-futures'

const executor = new WorkerThreadExecutor({ threads: 2 })
const module = new URL('./tasks/primes.mjs', import.meta.url)

const parts = [0, 50_000, 100_000, 150_000].map((from) =>
  executor.submit(taskReference(module, 'countPrimes', from, from + 50_000)),
)
console.log('the main thread goes on meanwhile')
const counts = await Future.all(parts)
console.log(
  'primes below 200000:',
  counts.reduce((sum, count) => sum + count, 0),
)

const endless = executor.submit(taskReference(module, 'countPrimes', 0, Infinity))
setTimeout(() => endless.cancel('seen enough'), 50)
const error = await endless.result().catch((thrown) => thrown)
console.log(error.name, 'because:', error.cause)
await executor.shutdown()
