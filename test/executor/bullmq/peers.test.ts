/** The built package without its optional peers. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot, runNode } from '../../helpers/run-node.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uf-peers-'))
  const home = join(folder, 'node_modules/undici-futures')
  await mkdir(home, { recursive: true })
  await cp(join(projectRoot, 'dist'), join(home, 'dist'), { recursive: true })
  await cp(join(projectRoot, 'package.json'), join(home, 'package.json'))
  for (const name of [
    'undici',
    'p-queue',
    'p-timeout',
    'eventemitter3',
    'tough-cookie',
    'tldts',
    'tldts-core',
    'socks',
    'smart-buffer',
    'ip-address',
  ]) {
    await symlink(join(projectRoot, 'node_modules', name), join(folder, 'node_modules', name))
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const run = (code: string) => runNode(['--input-type=module', '--eval', code], folder)

test('the other entries load without bullmq and ioredis', async () => {
  const code =
    "for (const each of ['', '/pool', '/testing']) await import('undici-futures' + each); console.log('loaded')"
  expect(await run(code)).toMatchObject({ stdout: 'loaded\n', stderr: '', code: 0 })
})

test.each([
  ['neither', []],
  ['bullmq only', ['bullmq']],
  ['ioredis only', ['ioredis']],
])('undici-futures/bullmq with %s fails with one sentence that names both', async (_, present) => {
  for (const name of present) await symlink(join(projectRoot, 'node_modules', name), join(folder, 'node_modules', name))
  const code = `
    const fail = (error) => console.log(error.message)
    await import('undici-futures/bullmq').catch(fail)
    const { createRequire } = await import('node:module')
    try { createRequire(process.cwd() + '/x.js')('undici-futures/bullmq') } catch (error) { fail(error) }`
  const { stdout } = await run(code)
  // Linked, bullmq finds its own ioredis beside itself; then it is our own require() that fails.
  const sentence =
    /^Can't load `undici-futures\/bullmq`: it needs the packages `bullmq` and `ioredis`.*\(npm install bullmq ioredis\)$/
  const lines = stdout.trim().split('\n')
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(line).toMatch(sentence)
  for (const name of present) await rm(join(folder, 'node_modules', name))
})

test('undici-futures never loads them, where they are', async () => {
  const code = `
    await import('undici-futures')
    const { createRequire } = await import('node:module')
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache ?? {}).filter((path) => /bullmq|ioredis/.test(path))
    console.log(loaded.length)`
  expect((await runNode(['--input-type=module', '--eval', code])).stdout).toBe('0\n')
})
