/**
 * Small apps, built from the packed package by the bundlers that people use, and started: with as little configuration as each
 * allows. What the README says of a bundler stands here as it stands there.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packPackage, type PackedPackage } from '../helpers/packed.ts'
import { projectRoot, run, runNode } from '../helpers/run-node.ts'

const tools = [
  ...['webpack@5', 'vite@7', 'esbuild@0.27'],
  ...['rollup@4.67.4', '@rollup/plugin-node-resolve@16', '@rollup/plugin-commonjs@29', '@rollup/plugin-json@6'],
]
const inProcess = 'in process: /a /b /streamed, cancelled: true\n'
const inThread = 'in a thread: /a /b, cancelled: true\n'
/** Of one build, in ms. */
const limit = 200_000

let packed: PackedPackage
let project: string

beforeAll(async () => {
  packed = await packPackage()
  project = await packed.install('bundled', ...tools)
  await copyFile(path.join(projectRoot, 'test/bundles/apps/main-job.mjs'), path.join(project, 'app.js'))
})

afterAll(() => packed.remove())

/** Builds with a configuration in a file of its own. What the bundler prints is what it warns of. */
async function buildWith(name: string, config: string): Promise<string> {
  await writeFile(path.join(project, `${name}.js`), config)
  const { code, stdout, stderr } = await runNode([`${name}.js`], project, limit)
  expect(code, stdout + stderr).toBe(0)
  return stdout + stderr
}

async function esbuild(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(path.join(project, 'node_modules/.bin/esbuild'), args, project, limit)
  expect(code, stdout + stderr).toBe(0)
  return stdout + stderr
}

/** Starts what was built, with threads and without. */
async function expectItRuns(folder: string, file: string, type: 'module' | 'commonjs', hasThreads = true) {
  await mkdir(path.join(project, folder), { recursive: true })
  await writeFile(path.join(project, folder, 'package.json'), JSON.stringify({ type }))
  const bundle = path.join(folder, file)
  expect(await runNode([bundle], project)).toEqual({ code: 0, stdout: inProcess, stderr: '' })
  if (hasThreads) {
    expect(await runNode([bundle, 'threads'], project)).toEqual({ code: 0, stdout: inProcess + inThread, stderr: '' })
  }
}

describe('webpack 5', () => {
  const config = (output: string, more = '') => `
    import webpack from 'webpack'
    webpack({ mode: 'production', target: 'node', entry: { app: './app.js' }, output: ${output}, ${more} }, (error, stats) => {
      if (error) throw error
      const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true })
      for (const { message } of [...errors, ...warnings]) console.log(message)
    })`

  test('builds ES modules, threads included, without a word', async () => {
    const output = `{ path: process.cwd() + '/webpack-esm', module: true, filename: '[name].js' }`
    const text = config(output, 'experiments: { outputModule: true }')
    expect(await buildWith('webpack-esm-config', text)).toBe('')
    await expectItRuns('webpack-esm', 'app.js', 'module')
  })

  test('builds CommonJS, threads included, without a word', async () => {
    expect(await buildWith('webpack-cjs-config', config(`{ path: process.cwd() + '/webpack-cjs' }`))).toBe('')
    await expectItRuns('webpack-cjs', 'app.js', 'commonjs')
  })
})

describe('vite', () => {
  const config = (folder: string, input: string, more: string) => `
    import { build } from 'vite'
    await build({
      configFile: false,
      logLevel: 'warn',
      build: { ssr: true, outDir: '${folder}', rollupOptions: { input: ${input}, output: { entryFileNames: '[name].js' } }, ${more} },
      ssr: { noExternal: ${folder === 'vite-whole'} },
    })`

  test('builds for a server, packages left where they are', async () => {
    expect(await buildWith('vite-config', config('vite', `{ app: 'app.js' }`, ''))).toBe('')
    await expectItRuns('vite', 'app.js', 'module')
  })

  test('builds packages into it, with the entry of threads', async () => {
    const input = `{ app: 'app.js', 'worker-entry': './node_modules/undici-futures/dist/worker-entry.js' }`
    const more = `commonjsOptions: { ignore: ['node:sqlite'] }`
    expect(await buildWith('vite-whole-config', config('vite-whole', input, more))).toBe('')
    await expectItRuns('vite-whole', 'app.js', 'module')
  })
})

describe('rollup', () => {
  test('builds with the entry of threads', async () => {
    const text = `
      import commonjs from '@rollup/plugin-commonjs'
      import json from '@rollup/plugin-json'
      import nodeResolve from '@rollup/plugin-node-resolve'
      import { rollup } from 'rollup'
      const bundle = await rollup({
        input: { app: 'app.js', 'worker-entry': './node_modules/undici-futures/dist/worker-entry.js' },
        plugins: [nodeResolve({ preferBuiltins: true }), commonjs({ ignore: ['node:sqlite'] }), json()],
        onwarn: ({ code, message, ids }) => {
          // Of packages that import themselves in circles.
          if (code !== 'CIRCULAR_DEPENDENCY' || ids.some((id) => id.includes('undici-futures'))) console.log(message)
        },
      })
      await bundle.write({ dir: 'rollup', entryFileNames: '[name].js' })`
    expect(await buildWith('rollup-config', text)).toBe('')
    await expectItRuns('rollup', 'app.js', 'module')
  })
})

describe('esbuild', () => {
  const entry = 'worker-entry=node_modules/undici-futures/dist/worker-entry.js'
  const bundle = ['--bundle', '--platform=node', '--log-level=warning']
  const banner =
    "--banner:js=import { createRequire as nodeRequire } from 'node:module'; const require = nodeRequire(import.meta.url)"

  test('builds CommonJS, which has no import.meta.url', async () => {
    expect(await esbuild('app.js', ...bundle, '--format=cjs', '--outdir=esbuild-plain')).toBe('')
    await expectItRuns('esbuild-plain', 'app.js', 'commonjs', false)
  })

  test.each(['.js', '.cjs'])('builds CommonJS with the entry of threads, as %s', async (extension) => {
    const folder = `esbuild-cjs${extension}`
    const options = ['--format=cjs', `--outdir=${folder}`, `--out-extension:.js=${extension}`]
    expect(await esbuild('app.js', entry, ...bundle, ...options)).toBe('')
    await expectItRuns(folder, `app${extension}`, 'commonjs')
  })

  test.each(['.js', '.mjs'])('builds ES modules with the entry of threads, as %s', async (extension) => {
    const folder = `esbuild-esm${extension}`
    const options = ['--format=esm', '--splitting', `--outdir=${folder}`, `--out-extension:.js=${extension}`, banner]
    expect(await esbuild('app.js', entry, ...bundle, ...options)).toBe('')
    await expectItRuns(folder, `app${extension}`, 'module')
  })

  test('an entry of threads that is missing is named', async () => {
    await esbuild('app.js', ...bundle, '--format=esm', '--outdir=esbuild-missing', banner)
    await writeFile(path.join(project, 'esbuild-missing/package.json'), '{ "type": "module" }')
    const { code, stderr } = await runNode(['esbuild-missing/app.js', 'threads'], project)
    expect(code).toBe(1)
    expect(stderr).toMatch(/worker-entry\.js/)
  })
})
