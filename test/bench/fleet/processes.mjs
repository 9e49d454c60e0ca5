// A Redis and two worker processes.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startRedis } from './redis.mjs'

const program = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** @returns `{ connection, workers, cpu(), close() }`: `cpu()` is the microseconds that all of them have worked */
export async function startFleet(kind, options = {}) {
  const redis = await startRedis()
  const { connection } = redis
  const workers = [0, 1].map(() => fork(program, [kind, JSON.stringify({ connection, ...options })]))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  return {
    connection,
    workers,
    async cpu() {
      const used = await Promise.all([redis.cpu(), ...workers.map((worker) => cpuOf(worker))])
      return used.reduce((sum, each) => sum + each, 0)
    },
    async close() {
      for (const worker of workers) worker.kill('SIGKILL')
      await redis.close()
    },
  }
}

async function cpuOf(worker) {
  worker.send('cpu')
  const [cpu] = await once(worker, 'message')
  return cpu
}
