/** The recipes of the README as its readers have them: in node_modules, with what they say they need beside them. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packPackage, type PackedPackage } from '../helpers/packed.ts'
import { runNode, strictly } from '../helpers/run-node.ts'

let packed: PackedPackage
let project: string

beforeAll(async () => {
  packed = await packPackage()
  const needed = ['fastify@5', '@opentelemetry/api@1', 'esbuild@0.27', 'cli-progress@3', 'bullmq@5', 'ioredis@5']
  project = await packed.install('reader', ...needed)
})

afterAll(() => packed.remove())

test('Every recipe runs in node_modules', async () => {
  const folder = 'node_modules/undici-futures/examples'
  const names = (await readdir(path.join(project, folder))).filter((name) => name.endsWith('.mjs'))
  expect(names.length).toBeGreaterThan(40)
  const failures: string[] = []
  for (const name of names.filter((each) => !each.startsWith('start-'))) {
    const { code, stderr } = await runNode([...strictly, path.join(folder, name)], project)
    const errors = stderr.replace(/^\(.*ExperimentalWarning: The MockTimers.*\n.*\n/, '')
    if (code !== 0 || errors !== '') failures.push(`${name}: ${code} ${stderr}`)
  }
  expect(failures).toEqual([])
})
