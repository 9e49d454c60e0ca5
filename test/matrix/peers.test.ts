/** The built package with the oldest and the newest majors of its optional peers, installed from the registry. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasRedis, RedisServer } from '../helpers/redis.ts'
import { projectRoot, run, runNode } from '../helpers/run-node.ts'

describe.skipIf(!hasRedis)('undici-futures/bullmq', () => {
  test.each([
    ['bullmq@5.64.0', 'ioredis@5'],
    ['bullmq@6', 'ioredis@6'],
  ])('keeps the contract with %s and %s', { timeout: 300_000 }, async (...peers) => {
    const folder = await mkdtemp(join(tmpdir(), 'uf-peers-'))
    const redis = await RedisServer.start()
    try {
      await writeFile(join(folder, 'package.json'), '{"type":"module"}')
      const dependencies = ['undici@7', 'p-queue@9', 'eventemitter3@5', 'tough-cookie@6', 'socks@2']
      const flags = ['--no-audit', '--no-fund', '--ignore-scripts']
      const installed = await run('npm', ['install', ...flags, ...peers, ...dependencies], folder, 200_000)
      expect(installed.code, installed.stderr).toBe(0)
      const home = join(folder, 'node_modules/undici-futures')
      await mkdir(home)
      await cp(join(projectRoot, 'dist'), join(home, 'dist'), { recursive: true })
      await cp(join(projectRoot, 'package.json'), join(home, 'package.json'))
      await cp(join(projectRoot, 'test/fixtures/fleet-smoke.mjs'), join(folder, 'smoke.mjs'))
      const { stdout, stderr } = await runNode([join(folder, 'smoke.mjs'), redis.path], folder, 200_000)
      expect({ stdout, stderr }).toEqual({ stdout: 'ok\n', stderr: '' })
    } finally {
      await redis.stop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
