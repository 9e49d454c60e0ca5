// Batch after batch, and never more than ten requests in any quarter of a second: the executor sees to that, over all
// batches and pools that share it. No pauses, and no batch waits for the slowest of the one before.
import { InProcessExecutor } from 'undici-futures'
import { Pool } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()
const executor = new InProcessExecutor({ maxWorkers: 4, rateLimit: { limit: 10, interval: 250 } })
const begin = performance.now()

async function runBatch(name, ids) {
  const pool = Pool.fromUrls(
    ids.map((id) => `${url}/${name}/${id}`),
    {},
    { executor, numProcesses: 4 },
  )
  let count = 0
  for await (const response of pool.responses()) if (response.ok) count++
  console.log(`${name}: ${count} of ${ids.length}`)
}

await runBatch('users', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
await runBatch('bytes', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
await runBatch('delay', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])

console.log('no faster than allowed:', performance.now() - begin >= 500)
await executor.shutdown()
