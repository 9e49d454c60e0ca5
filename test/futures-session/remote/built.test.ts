/** What users of the built package get: requests in threads, imported, required and bundled; and processes that end by themselves. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot, run, runNode, type Run } from '../../helpers/run-node.ts'
import { startServer, type TestServer } from '../../helpers/server.ts'

let folder: string
let server: TestServer

/** As tsup builds it: entries and chunks in one folder. */
beforeAll(async () => {
  await mkdir(`${projectRoot}node_modules/.cache`, { recursive: true })
  folder = await mkdtemp(`${projectRoot}node_modules/.cache/built-`)
  server = await startServer()
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  await build({
    entryPoints: {
      index: `${projectRoot}src/index.ts`,
      'worker-entry': `${projectRoot}src/worker-entry.ts`,
      'remote-request': `${projectRoot}src/futures-session/remote/remote-request.ts`,
    },
    outdir: path.join(folder, 'dist'),
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
  })
  await writeFile(
    path.join(folder, 'hooks.js'),
    `import { HTTPError, Response } from './dist/index.js'
     export const parse = (response) => void (response.data = response.json().url)
     export const replace = (response) => new Response({ status: 299, request: response.request })
     export const fail = (response) => { throw new HTTPError('no good', { request: response.request, response }) }`,
  )
})

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

async function runProgram(name: string, code: string): Promise<Run> {
  const file = path.join(folder, name)
  await writeFile(file, code)
  return runNode([file], folder)
}

const names = '{ FuturesSession, HTTPError, taskReference, WorkerThreadExecutor }'
const esm = (code: string): string => `import ${names} from './dist/index.js'\n${code}`
const makeSession = `const session = new FuturesSession({ executor: new WorkerThreadExecutor({ threads: 1 }) })`
const printPath = (url: string): string => `${makeSession}
  session.get('${url}/path').result().then((response) => console.log(response.json().url, response.request.method))`

describe('The built FuturesSession on a WorkerThreadExecutor', () => {
  test('works from ESM, and ends by itself, nothing closed', async () => {
    expect(await runProgram('app.mjs', esm(printPath(server.url)))).toEqual({
      code: 0,
      stdout: '/path GET\n',
      stderr: '',
    })
  })

  test('works through require()', async () => {
    const code = `const ${names} = require('./dist/index.js')\n${printPath(server.url)}`
    expect(await runProgram('app.cjs', code)).toEqual({ code: 0, stdout: '/path GET\n', stderr: '' })
  })

  test('has one set of classes, in hook modules too', async () => {
    const code = esm(`${makeSession}
      const hook = (name) => ({ hooks: { response: taskReference(new URL('./hooks.js', import.meta.url), name) } })
      console.log((await session.get('${server.url}/a', hook('parse')).result()).data)
      console.log((await session.get('${server.url}/b', hook('replace')).result()).status)
      const error = await session.get('${server.url}/c', hook('fail')).exception()
      console.log(error instanceof HTTPError, error.message, error.response.json().url)`)
    expect(await runProgram('hooks.mjs', code)).toEqual({ code: 0, stdout: '/a\n299\ntrue no good /c\n', stderr: '' })
  })

  test('works bundled by esbuild, with its entry beside the bundle', async () => {
    await writeFile(path.join(folder, 'app-to-bundle.mjs'), esm(printPath(server.url)))
    const entries = ['app=app-to-bundle.mjs', 'worker-entry=./dist/worker-entry.js']
    const options = ['--bundle', '--platform=node', '--format=esm', '--outdir=bundled', '--packages=external']
    const { code, stderr } = await run(`${projectRoot}node_modules/.bin/esbuild`, [...entries, ...options], folder)
    expect(code, stderr).toBe(0)
    expect(await runNode(['bundled/app.js'], folder)).toEqual({ code: 0, stdout: '/path GET\n', stderr: '' })
  })
})
