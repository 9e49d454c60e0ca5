/** Jest, whose tests are CommonJS unless told otherwise, and the ways of the README to the package. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packPackage, type PackedPackage } from '../helpers/packed.ts'
import { readReadme } from '../helpers/readme.ts'
import { projectRoot, run, runNode } from '../helpers/run-node.ts'

let packed: PackedPackage
let project: string

beforeAll(async () => {
  packed = await packPackage()
  project = await packed.install('jest', 'jest@30')
})

afterAll(() => packed.remove())

/** A project of CommonJS with one test, that gets the package by this expression. */
async function writeTest(name: string, load: string, config = {}): Promise<string> {
  const folder = path.join(project, name)
  await mkdir(folder)
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ type: 'commonjs', jest: config }))
  await writeFile(
    path.join(folder, 'some.test.js'),
    `const http = require('node:http')
    test('asks', async () => {
      const { FuturesSession } = ${load}
      const server = http.createServer((request, response) => response.end('{"id":7}'))
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
      const session = new FuturesSession()
      expect(await session.get('http://127.0.0.1:' + server.address().port).json()).toEqual({ id: 7 })
      await session.close()
      server.close()
    })`,
  )
  return folder
}

async function expectItPasses(folder: string, ...nodeOptions: string[]): Promise<void> {
  const jest = path.join(project, 'node_modules/jest/bin/jest.js')
  const { code, stderr } = await runNode([...nodeOptions, jest, '--runInBand'], folder, 120_000)
  expect(stderr).toContain('Tests:       1 passed, 1 total')
  expect(code).toBe(0)
}

test('import() works with --experimental-vm-modules', async () => {
  await expectItPasses(await writeTest('imports', "await import('undici-futures')"), '--experimental-vm-modules')
})

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

test.runIf(major > 24 || (major === 24 && minor >= 9))('and so does require(), from Node 24.9 on', async () => {
  await expectItPasses(await writeTest('requires', "require('undici-futures')"), '--experimental-vm-modules')
})

test('require() works with a bundle in the place of the package', async () => {
  const [, line, mapping] = /`(esbuild node_modules[^`]+)`[^`]+`moduleNameMapper: (\{[^`]+\})`/.exec(readReadme()) ?? []
  const mapped = JSON.parse(mapping!.replaceAll("'", '"')) as object
  const folder = await writeTest('bundled', "require('undici-futures')", { moduleNameMapper: mapped })
  const bin = path.join(projectRoot, 'node_modules/.bin')
  const bundle = line!.replace('--outfile=', '--outfile=bundled/')
  const bundled = await run('sh', ['-c', `PATH="${bin}:$PATH" ${bundle}`], project)
  expect(bundled.code, bundled.stderr).toBe(0)
  await expectItPasses(folder)
})
