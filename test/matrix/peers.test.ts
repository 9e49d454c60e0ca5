/** The built package with the oldest and the newest majors of its optional peers, installed from the registry. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asUser } from '../helpers/packed.ts'
import { hasRedis, RedisServer } from '../helpers/redis.ts'
import { projectRoot, run, runNode } from '../helpers/run-node.ts'

const compiler = join(projectRoot, 'node_modules/typescript/bin/tsc')

describe.each([
  ['bullmq@5.64.0', 'ioredis@5'],
  ['bullmq@6', 'ioredis@6'],
])('undici-futures/bullmq with %s and %s', (...peers) => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'uf-peers-'))
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const dependencies = ['undici@7', 'p-queue@9', 'eventemitter3@5', 'tough-cookie@6', 'socks@2']
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
    const installed = await run('npm', ['install', ...flags, ...peers, ...dependencies], folder, 200_000)
    expect(installed.code, installed.stderr).toBe(0)
    const home = join(folder, 'node_modules/undici-futures')
    await mkdir(home)
    await cp(join(projectRoot, 'dist'), join(home, 'dist'), { recursive: true })
    await cp(join(projectRoot, 'package.json'), join(home, 'package.json'))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test.skipIf(!hasRedis)('keeps the contract', { timeout: 300_000 }, async () => {
    const redis = await RedisServer.start()
    try {
      await cp(join(projectRoot, 'test/fixtures/fleet-smoke.mjs'), join(folder, 'smoke.mjs'))
      const { stdout, stderr } = await runNode([join(folder, 'smoke.mjs'), redis.path], folder, 200_000)
      expect({ stdout, stderr }).toEqual({ stdout: 'ok\n', stderr: '' })
    } finally {
      await redis.stop()
    }
  })

  /** Strictly, with `exactOptionalPropertyTypes`; what the peers themselves declare is not looked at. */
  const compile = async (files: readonly string[], paths: object) => {
    const typeRoots = [join(projectRoot, 'node_modules/@types')]
    const compilerOptions = { rootDir: '/', typeRoots, paths }
    const config = join(folder, 'tsconfig.json')
    const settings = { extends: join(projectRoot, 'tsconfig.json'), compilerOptions, files, include: [] }
    await writeFile(config, JSON.stringify(settings))
    return runNode([compiler, '--project', config, '--pretty', 'false'], projectRoot, 110_000)
  }

  test('has types that a user of it compiles with', async () => {
    const source = await readFile(join(projectRoot, 'test/fixtures/fleet-consumer.ts'), 'utf8')
    const text = asUser(source.replaceAll('../../src/executor/bullmq/index.ts', 'undici-futures/bullmq'))
    await writeFile(join(folder, 'consumer.ts'), text)
    expect(await compile(['consumer.ts'], {})).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('compiles from our sources', async () => {
    const declarations = { bullmq: 'bullmq/dist/esm/index.d.ts', ioredis: 'ioredis/built/index.d.ts' }
    const paths = Object.fromEntries(
      Object.entries(declarations).map(([name, file]) => [name, [join(folder, 'node_modules', file)]]),
    )
    const files = [join(projectRoot, 'src/executor/bullmq/index.ts')]
    expect(await compile(files, paths)).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})
