/**
 * The package as its users get it: packed, installed into an empty folder, imported, required, compiled against, and looked
 * at by publint and attw. Dependencies come from npm's cache where they can.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSnippets, startExampleServer, toRunnable } from './helpers/readme.ts'
import { projectRoot, run, runNode, type Run } from './helpers/run-node.ts'

let folder: string
let tarball: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-package-'))
  const packed = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], projectRoot)
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
  tarball = path.join(folder, filename)
  await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball], folder)
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the packed package', () => {
  test('holds what is needed, and no sources or tests', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball])
    const files = stdout
      .trim()
      .split('\n')
      .map((file) => file.replace('package/', ''))
    for (const file of [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'SECURITY.md',
      'dist/index.js',
      'dist/index.d.ts',
    ]) {
      expect(files).toContain(file)
    }
    expect(files.filter((file) => /^(src|test|examples)\/|\.tsx?$/.test(file) && !file.endsWith('.d.ts'))).toEqual([])
  })

  test('is imported and required', async () => {
    const print = 'console.log(typeof FuturesSession, typeof ManualExecutor)'
    await writeFile(
      path.join(folder, 'esm.mjs'),
      `import { FuturesSession } from 'undici-futures'\nimport { ManualExecutor } from 'undici-futures/testing'\n${print}\n`,
    )
    await writeFile(
      path.join(folder, 'cjs.cjs'),
      `const { FuturesSession } = require('undici-futures')\nconst { ManualExecutor } = require('undici-futures/testing')\n${print}\n`,
    )
    for (const file of ['esm.mjs', 'cjs.cjs']) {
      expect(await runNode([file], folder)).toEqual({ code: 0, stdout: 'function function\n', stderr: '' })
    }
  })

  test("runs the README's first snippet", async () => {
    const server = await startExampleServer()
    const [snippet] = readSnippets()
    await writeFile(path.join(folder, 'snippet.mjs'), toRunnable(snippet!, server.url))
    const result = await runNode(['snippet.mjs'], folder)
    server.close()
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).not.toBe('')
  })

  test('is compiled against, its declarations checked too', async () => {
    const source = await readFile(path.join(projectRoot, 'test/fixtures/consumer.ts'), 'utf8')
    const consumer = source
      .replace('../../src/testing/index.ts', 'undici-futures/testing')
      .replace('../../src/index.ts', 'undici-futures')
    await writeFile(path.join(folder, 'consumer.ts'), consumer)
    const compilerOptions = {
      ...{ target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext', strict: true, noEmit: true },
      ...{ skipLibCheck: false, types: ['node'], typeRoots: [path.join(projectRoot, 'node_modules/@types')] },
    }
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    const { stdout } = await runNode([path.join(projectRoot, 'node_modules/typescript/bin/tsc'), '-p', folder], folder)
    expect(stdout).toBe('')
  })

  test('has nothing that publint objects to', async () => {
    const { messages } = await publint({
      pkgDir: path.join(folder, 'node_modules/undici-futures'),
      pack: false,
      strict: true,
    })
    expect(messages).toEqual([])
  })

  test('has types that resolve everywhere (attw, esm-only)', async () => {
    const attw = path.join(projectRoot, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const { code, stdout } = await runNode([attw, tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'])
    expect(code, stdout).toBe(0)
  })
})

async function npm(args: readonly string[], cwd: string): Promise<Run> {
  const result = await run('npm', args, cwd)
  if (result.code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${result.stderr}`)
  return result
}
