// A Redis for the fleets of the benchmark, on a Unix socket, without persistence; `UF_REDIS_SERVER` names another binary.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'

const binary = process.env.UF_REDIS_SERVER ?? 'redis-server'

export const hasRedis = spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0

/** @returns `{ connection, cpu(), close() }` */
export async function startRedis() {
  const folder = mkdtempSync(path.join(tmpdir(), 'undici-futures-bench-redis-'))
  const connection = { path: path.join(folder, 'redis.sock') }
  const args = ['--port', '0', '--unixsocket', connection.path, '--dir', folder, '--save', '', '--appendonly', 'no']
  const child = spawn(binary, args, { stdio: 'ignore' })
  const client = new Redis({ ...connection, retryStrategy: () => 25 })
  client.on('error', () => undefined)
  await client.ping()
  return {
    connection,
    /** Microseconds that it has worked. */
    async cpu() {
      const info = await client.info('cpu')
      const seconds = (name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)[1])
      return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6
    },
    async close() {
      client.disconnect()
      child.kill()
      await once(child, 'exit')
      rmSync(folder, { recursive: true })
    },
  }
}
