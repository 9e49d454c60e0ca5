/**
 * The package as its users get it: packed, installed into an empty folder, imported, required, compiled against, and looked
 * at by publint and attw. Dependencies come from npm's cache where they can.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asUser, packPackage, type PackedPackage } from './helpers/packed.ts'
import { readSnippets, startExampleServer, toRunnable } from './helpers/readme.ts'
import { projectRoot, run, runNode, strictly } from './helpers/run-node.ts'
import { startServer } from './helpers/server.ts'

let packed: PackedPackage
let project: string

beforeAll(async () => {
  packed = await packPackage()
  project = await packed.install('project')
}, 240_000)

afterAll(() => packed.remove())

describe('the packed package', () => {
  test('holds what is needed, and no sources or tests', async () => {
    const { stdout } = await run('tar', ['-tzf', packed.tarball])
    const files = stdout
      .trim()
      .split('\n')
      .map((file) => file.replace('package/', ''))
    const documents = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'package.json',
      'test/bench/cpu-per-request.svg',
    ]
    expect(files.filter((file) => !/^(dist|examples|test\/fixtures\/tls)\//.test(file)).sort()).toEqual(documents)
    for (const entry of ['index', 'pool', 'testing', 'worker-entry', 'remote-request', 'testing-tasks']) {
      expect(files).toContain(`dist/${entry}.js`)
    }
    expect(files.filter((file) => file.startsWith('examples/') && !file.endsWith('.mjs'))).toEqual([])
    expect(files.filter((file) => file.startsWith('dist/') && !/\.(js|js\.map|d\.ts)$/.test(file))).toEqual([])
    for (const name of await exportedFiles()) expect(files).toContain(name)
  })

  test.each(['mjs', 'cjs'])('works where it is imported or required (%s), with nothing deprecated', async (kind) => {
    const load = (name: string): string => (kind === 'cjs' ? `require('${name}')` : `await import('${name}')`)
    await copyFile(path.join(projectRoot, 'test/fixtures/smoke.mjs'), path.join(project, 'smoke.mjs'))
    const parts = ['undici-futures', 'undici-futures/pool', 'undici-futures/testing'].map(load).join(', ')
    await writeFile(
      path.join(project, `main.${kind}`),
      `process.on('warning', (warning) => console.log('warning:', warning))
      void import('./smoke.mjs').then(async ({ smoke }) => console.log(process.version, ...(await smoke(${parts}))))\n`,
    )
    const expected = `${process.version} user 7 InvalidOptionError ERR_INVALID_OPTION AbortError ABORT_ERR cancelled 1 true 200 200\n`
    expect(await runNode([...strictly, `main.${kind}`], project)).toEqual({ code: 0, stdout: expected, stderr: '' })
  })

  test('is run by the Node that runs this, with npm between them', async () => {
    const { stdout } = await run('npm', ['exec', '--call', 'node --print process.version'], project)
    expect(stdout.trim()).toBe(process.version)
  })

  test("runs the README's first snippet, in a folder where nothing else is", async () => {
    const server = await startExampleServer()
    const [snippet] = readSnippets()
    await writeFile(path.join(project, 'snippet.mjs'), toRunnable(snippet!, server.url))
    const result = await runNode([...strictly, 'snippet.mjs'], project)
    server.close()
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).not.toBe('')
  })

  test.each(['csv-restart', 'resume-download', 'server-sent-events'])('brings the recipe %s', async (name) => {
    const recipe = `node_modules/undici-futures/examples/${name}.mjs`
    expect(await runNode([...strictly, recipe], project)).toMatchObject({ code: 0, stderr: '' })
  })

  test("is bundled by the README's line, and does requests, hooks and tasks in threads without node_modules", async () => {
    const readme = await readFile(path.join(projectRoot, 'README.md'), 'utf8')
    const line = /^esbuild app\.js tasks\.js (?:.*\\\n)+.*$/m.exec(readme)![0]
    const home = await mkdtemp(path.join(tmpdir(), 'undici-futures-bundled-'))
    const server = await startServer()
    try {
      await writeFile(path.join(project, 'tasks.js'), bundledTasks)
      await writeFile(path.join(project, 'app.js'), bundledApp(`${server.url}/path`))
      const bin = path.join(projectRoot, 'node_modules/.bin')
      const bundled = await run(
        'sh',
        ['-c', `PATH="${bin}:$PATH" ${line.replace('--outdir=out', `--outdir=${home}`)}`],
        project,
      )
      expect(bundled.code, bundled.stderr).toBe(0)
      await writeFile(path.join(home, 'package.json'), '{ "type": "module" }')
      expect(await runNode(['app.js'], home)).toEqual({ code: 0, stdout: '/path 299 true 3\n', stderr: '' })
    } finally {
      await server.close()
      await rm(home, { recursive: true, force: true })
    }
  }, 60_000)

  test('is compiled against, its declarations checked too', async () => {
    const source = await readFile(path.join(projectRoot, 'test/fixtures/consumer.ts'), 'utf8')
    await writeFile(path.join(project, 'consumer.ts'), asUser(source))
    const compilerOptions = {
      ...{ target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', strict: true, noEmit: true },
      ...{ skipLibCheck: false, types: ['node'], typeRoots: [path.join(projectRoot, 'node_modules/@types')] },
    }
    await writeFile(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    const { stdout } = await runNode(
      [path.join(projectRoot, 'node_modules/typescript/bin/tsc'), '-p', project],
      project,
      80_000,
    )
    expect(stdout).toBe('')
  }, 90_000)

  test('has nothing that publint objects to', async () => {
    const { messages } = await publint({
      pkgDir: path.join(project, 'node_modules/undici-futures'),
      pack: false,
      strict: true,
    })
    expect(messages).toEqual([])
  })

  test('has types that resolve everywhere (attw, esm-only)', async () => {
    const attw = path.join(projectRoot, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const { code, stdout } = await runNode(
      [attw, packed.tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'],
      project,
      80_000,
    )
    expect(code, stdout).toBe(0)
  }, 90_000)
})

/** The paths in `exports`, as the tarball has them. */
async function exportedFiles(): Promise<string[]> {
  const manifest = await readFile(path.join(project, 'node_modules/undici-futures/package.json'), 'utf8')
  const { exports } = JSON.parse(manifest) as { exports: Record<string, string | Record<string, string>> }
  return Object.values(exports)
    .flatMap((target) => (typeof target === 'string' ? target : Object.values(target)))
    .map((file) => file.replace('./', ''))
}

const bundledTasks = `
import { HTTPError, Response } from 'undici-futures'
export const sum = (a, b) => a + b
export const parse = (response) => void (response.data = response.json().url)
export const replace = (response) => new Response({ status: 299, request: response.request })
export const fail = (response) => { throw new HTTPError('no good', { request: response.request, response }) }
`

const bundledApp = (url: string): string => `
import { FuturesSession, HTTPError, taskReference, WorkerThreadExecutor } from 'undici-futures'
const tasks = new URL('./tasks.js', import.meta.url)
const executor = new WorkerThreadExecutor()
const session = new FuturesSession({ executor })
const get = (name) => session.get('${url}', { hooks: { response: taskReference(tasks, name) } })
const { data } = await get('parse').result()
const { status } = await get('replace').result()
const error = await get('fail').exception()
const sum = await executor.submit(taskReference(tasks, 'sum', 1, 2)).result()
console.log(data, status, error instanceof HTTPError, sum)
`
