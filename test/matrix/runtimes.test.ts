/** Bun and Deno, as npm has them: the main job, a cancel, a stream, and threads, from the packed package. */
import { copyFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packPackage, type PackedPackage } from '../helpers/packed.ts'
import { projectRoot, run } from '../helpers/run-node.ts'

let packed: PackedPackage
let project: string

beforeAll(async () => {
  packed = await packPackage()
  project = await packed.install('runtimes', 'bun@1', 'deno@2')
  await copyFile(path.join(projectRoot, 'test/bundles/apps/main-job.mjs'), path.join(project, 'app.mjs'))
})

afterAll(() => packed.remove())

/** The program in the package for this platform. npm installs those of several, `-musl` and `-baseline` among them. */
async function program(scope: string, file: string): Promise<string> {
  const folder = path.join(project, 'node_modules', scope)
  const [name] = (await readdir(folder)).sort((a, b) => a.length - b.length)
  return path.join(folder, name!, file)
}

const expected = {
  code: 0,
  stdout: 'in process: /a /b /streamed, cancelled: true\nin a thread: /a /b, cancelled: true\n',
  stderr: '',
}

test('Bun runs requests, in process and in threads', async () => {
  expect(await run(await program('@oven', 'bin/bun'), ['app.mjs', 'threads'], project)).toEqual(expected)
})

test('Deno runs requests, in process and in threads', async () => {
  expect(await run(await program('@deno', 'deno'), ['run', '-A', 'app.mjs', 'threads'], project)).toEqual(expected)
})
