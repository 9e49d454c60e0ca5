/** What its users get: plain JavaScript, imported, required and bundled; and processes that end by themselves. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot, run, runNode, type Run } from '../../helpers/run-node.ts'

const fixtures = new URL('../../fixtures/', import.meta.url)
const tasks = (file: string): string => JSON.stringify(new URL(file, fixtures).href)

/** A package of this executor alone, built as tsup does it: entries and chunks in one folder. */
let folder: string
let dist: string

beforeAll(async () => {
  // Where Node finds the dependencies.
  await mkdir(`${projectRoot}node_modules/.cache`, { recursive: true })
  folder = await mkdtemp(`${projectRoot}node_modules/.cache/built-`)
  dist = path.join(folder, 'dist')
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(
    path.join(folder, 'index.ts'),
    `export { WorkerThreadExecutor } from '${projectRoot}src/executor/worker-thread/worker-thread-executor.ts'
     export { taskReference } from '${projectRoot}src/task-reference.ts'`,
  )
  await build({
    entryPoints: {
      index: path.join(folder, 'index.ts'),
      'worker-entry': `${projectRoot}src/worker-entry.ts`,
    },
    outdir: dist,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
  })
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs a program that has `{ WorkerThreadExecutor, taskReference }` of the built package. */
async function runProgram(name: string, code: string): Promise<Run> {
  const file = path.join(folder, name)
  await writeFile(file, code)
  return runNode([file], folder)
}

const esm = (code: string): string => `import { WorkerThreadExecutor, taskReference } from './dist/index.js'\n${code}`
const addInThread = `
  const executor = new WorkerThreadExecutor()
  const future = executor.submit(taskReference(${tasks('arithmetic-tasks.mjs')}, 'add', 1, 2))
`
const printSum = `${addInThread} future.addDoneCallback(() => console.log(future.resultNow()))`

describe('The built WorkerThreadExecutor', () => {
  test('works from ESM', async () => {
    expect(await runProgram('app.mjs', esm(printSum))).toEqual({ code: 0, stdout: '3\n', stderr: '' })
  })

  test('works through require()', async () => {
    const code = `const { WorkerThreadExecutor, taskReference } = require('./dist/index.js')\n${printSum}`
    expect(await runProgram('app.cjs', code)).toEqual({ code: 0, stdout: '3\n', stderr: '' })
  })

  test('works in a program that is given on the command line', async () => {
    const entry = JSON.stringify(pathToFileURL(path.join(dist, 'index.js')).href)
    const code = `import { WorkerThreadExecutor, taskReference } from ${entry}\n${printSum}`
    expect(await runNode(['--input-type=module', '-e', code])).toMatchObject({ code: 0, stdout: '3\n' })
  })

  test('works bundled by esbuild, with its entry beside the bundle', async () => {
    await bundle(esm(printSum), ['app=app-to-bundle.mjs', 'worker-entry=./dist/worker-entry.js'], 'bundled')
    expect(await runNode(['bundled/app.js'], folder)).toEqual({ code: 0, stdout: '3\n', stderr: '' })
  })

  test('bundled without its entry says where it looked for it', async () => {
    const code = esm(`${addInThread} console.log((await future.exception()).message)`)
    await bundle(code, ['app=app-to-bundle.mjs'], 'alone')
    const { stdout } = await runNode(['alone/app.js'], folder)
    expect(stdout).toMatch(/The executor can't run tasks: .*alone\/worker-entry\.js/)
  })
})

/** The documented line. */
async function bundle(code: string, entries: string[], outdir: string): Promise<void> {
  await writeFile(path.join(folder, 'app-to-bundle.mjs'), code)
  const options = ['--bundle', '--platform=node', '--format=esm', `--outdir=${outdir}`]
  const { code: exitCode, stderr } = await run(
    `${projectRoot}node_modules/.bin/esbuild`,
    [...entries, ...options],
    folder,
  )
  expect(exitCode, stderr).toBe(0)
}

describe('A process with a WorkerThreadExecutor', () => {
  test('ends by itself when the executor is idle, and not before', async () => {
    const code = `${addInThread}
      await future.result()
      const last = executor.submit(taskReference(${tasks('arithmetic-tasks.mjs')}, 'addLater', 3, 4))
      last.addDoneCallback(() => console.log(last.resultNow()))`
    const start = performance.now()
    expect(await runProgram('idle.mjs', esm(code))).toEqual({ code: 0, stdout: '7\n', stderr: '' })
    expect(performance.now() - start).toBeLessThan(15_000)
  })

  test('ends by itself when its executor has done nothing', async () => {
    expect(await runProgram('unused.mjs', esm('new WorkerThreadExecutor()'))).toMatchObject({ code: 0 })
  })

  test('stays until cancelled work has stopped, and shutdown() has resolved', async () => {
    const code = `
      const executor = new WorkerThreadExecutor({ threads: 1 })
      const memory = new SharedArrayBuffer(8)
      const future = executor.submit(taskReference(${tasks('cancelled-tasks.mjs')}, 'spin', memory))
      while (Atomics.load(new Int32Array(memory), 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      future.cancel()
      await executor.shutdown()
      console.log('over')`
    expect(await runProgram('cancelled.mjs', esm(code))).toEqual({ code: 0, stdout: 'over\n', stderr: '' })
  })

  test('does not wait for an idle thread when it shuts down nothing, and waits when it does', async () => {
    const code = `${addInThread}
      await future.result()
      await executor.shutdown()
      console.log('over')`
    expect(await runProgram('shutdown.mjs', esm(code))).toEqual({ code: 0, stdout: 'over\n', stderr: '' })
  })

  test('gets what its tasks print', async () => {
    await writeFile(
      path.join(folder, 'printing.mjs'),
      `export const print = (count) => { for (let line = 0; line < count; line++) console.log('line ' + line) }`,
    )
    const code = `
      const executor = new WorkerThreadExecutor({ threads: 1 })
      await executor.submit(taskReference(new URL('./printing.mjs', import.meta.url), 'print', 500)).result()
      await executor.shutdown()`
    const { stdout } = await runProgram('prints.mjs', esm(code))
    expect(stdout.trim().split('\n')).toHaveLength(500)
  })
})
