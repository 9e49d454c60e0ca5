// A fleet: 1 000 requests on two worker processes, one of which is killed on the way. All of them add up.
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asCompleted, FuturesSession } from 'undici-futures'
import { BullMQExecutor } from 'undici-futures/bullmq'
import { startServer } from './server.mjs'

const folder = mkdtempSync(join(tmpdir(), 'fleet-'))
const connection = { path: join(folder, 'redis.sock') }
const binary = process.env.UF_REDIS_SERVER ?? 'redis-server'
try {
  execFileSync(binary, ['--version'])
} catch {
  console.log('There is no redis-server here: install it (Debian: apt-get install redis-server)')
  process.exit()
}
const redis = spawn(binary, ['--port', '0', '--unixsocket', connection.path, '--save', '', '--dir', folder])

const { url } = await startServer()
const startWorker = async () => {
  const worker = fork(new URL('tasks/fleet-worker.mjs', import.meta.url), [JSON.stringify(connection)])
  await once(worker, 'message')
  return worker
}
const workers = await Promise.all([startWorker(), startWorker()])

const executor = new BullMQExecutor({ connection })
const session = new FuturesSession({ executor, baseUrl: url })
const counts = { answered: 0, sum: 0 }
const futures = Array.from({ length: 1_000 }, (_, id) => session.get(`users/${id}`))
for await (const future of asCompleted(futures)) {
  counts.sum += (await future.json()).id
  if (++counts.answered === 300) workers[0].kill('SIGKILL')
}
console.log(`${counts.answered} answers, ids add up: ${counts.sum === (999 * 1_000) / 2}`)

await session.close()
await executor.shutdown()
workers[1].kill()
// It says goodbye to Redis, and waits until it can.
await once(workers[1], 'exit')
redis.kill()
await once(redis, 'exit')
rmSync(folder, { recursive: true })
