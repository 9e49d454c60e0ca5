/**
 * What the compilers of users say of the packed package: TypeScript 5.9, 6 and 7, both ways of resolving modules, the types of the
 * oldest Node and of the newest, declarations of dependencies checked too. All come from npm.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asUser, packPackage, type PackedPackage } from '../helpers/packed.ts'
import { projectRoot, runNode } from '../helpers/run-node.ts'

const compilers = ['5.9', '6', '7']
const nodeTypes = ['20', 'latest']
const resolutions = { nodenext: 'nodenext', bundler: 'es2022' }

/** Of one compilation, in ms. */
const limit = 110_000

const combinations = nodeTypes.flatMap((types) =>
  compilers.flatMap((compiler) => Object.keys(resolutions).map((resolution) => ({ compiler, resolution, types }))),
)

let packed: PackedPackage
/** By the version of `@types/node`. */
let projects: Record<string, string>
let wrongLines: number[]

beforeAll(async () => {
  packed = await packPackage()
  const aliases = compilers.map((version) => `typescript-${version}@npm:typescript@${version}`)
  projects = {}
  for (const types of nodeTypes) {
    projects[types] = await packed.install(`types-${types}`, `@types/node@${types}`, ...aliases)
    await writeSources(projects[types])
  }
})

afterAll(() => packed.remove())

/** Right: everything that test/types says, and the fixture that uses all entries. Wrong: the one that is to fail. */
async function writeSources(project: string): Promise<void> {
  const typeTests = (await readdir(path.join(projectRoot, 'test/types')))
    .filter((name) => /^[a-z-]+\.ts$/.test(name))
    .map((name) => `test/types/${name}`)
  for (const folder of ['right', 'wrong']) await mkdir(path.join(project, folder))
  for (const file of [...typeTests, 'test/fixtures/consumer.ts']) {
    await writeFile(path.join(project, 'right', path.basename(file)), await readAsUser(file))
  }
  const directives = /^ *\/\/ @ts-expect-error.*$/gm
  const wrong = (await readAsUser('test/fixtures/wrong-consumer.ts')).replace(directives, '// wrong')
  wrongLines = wrong.split('\n').flatMap((line, index) => (line === '// wrong' ? [index + 2] : []))
  await writeFile(path.join(project, 'wrong/wrong.ts'), wrong)
}

const readAsUser = async (file: string): Promise<string> => asUser(await readFile(path.join(projectRoot, file), 'utf8'))

const compilerIn = (project: string, version: string): string =>
  path.join(project, `node_modules/typescript-${version}/bin/tsc`)

async function compile({ compiler, resolution, types }: (typeof combinations)[number], folder: 'right' | 'wrong') {
  const project = projects[types]!
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2022'], types: ['node'], noEmit: true, skipLibCheck: false },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ moduleResolution: resolution, module: resolutions[resolution as keyof typeof resolutions] },
  }
  const config = path.join(project, 'tsconfig.json')
  await writeFile(config, JSON.stringify({ compilerOptions, include: [folder] }))
  return runNode([compilerIn(project, compiler), '--project', config, '--pretty', 'false'], project, limit)
}

describe.each(combinations)('TypeScript $compiler, $resolution, @types/node $types', (combination) => {
  test('takes what is right', async () => {
    expect(await compile(combination, 'right')).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('objects to what is wrong, and to nothing else', async () => {
    const { code, stdout } = await compile(combination, 'wrong')
    const found = [...stdout.matchAll(/^wrong[\\/]wrong\.ts\((\d+),\d+\): error TS/gm)].map(([, line]) => Number(line))
    expect(found, stdout).toEqual(wrongLines)
    expect(stdout.match(/^\S.*error TS/gm), stdout).toHaveLength(found.length)
    expect(code).not.toBe(0)
  })
})

describe.each(compilers)('TypeScript %s', (version) => {
  test('is the version that was asked for', async () => {
    const { stdout } = await runNode([compilerIn(projects['20']!, version), '--version'])
    expect(stdout).toMatch(new RegExp(`^Version ${version.replace('.', '\\.')}\\.`))
  })

  test('takes our own sources and tests, with the types of the project', async () => {
    const compiler = compilerIn(projects['20']!, version)
    for (const project of ['.', 'test/types']) {
      const { code, stdout } = await runNode(
        [compiler, '--noEmit', '--pretty', 'false', '-p', project],
        projectRoot,
        limit,
      )
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    }
  })
})
