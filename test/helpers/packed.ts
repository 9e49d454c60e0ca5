import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { projectRoot, run, type Run } from './run-node.ts'

/** A folder outside of the project, with what `npm pack` makes of it (`dist/` as it is now). */
export interface PackedPackage {
  readonly folder: string
  readonly tarball: string
  /** Makes a project in the folder, of ES modules, with the package and others installed, from npm's cache where it can. */
  install(name: string, ...others: string[]): Promise<string>
  remove(): Promise<void>
}

export async function packPackage(): Promise<PackedPackage> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-package-'))
  const { stdout } = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], projectRoot)
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  const tarball = path.join(folder, filename)
  return {
    folder,
    tarball,
    async install(name, ...others) {
      const project = path.join(folder, name)
      await mkdir(project)
      await writeFile(path.join(project, 'package.json'), '{ "private": true, "type": "module" }')
      const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
      await npm(['install', ...quietly, tarball, ...others], project)
      return project
    },
    remove: () => rm(folder, { recursive: true }),
  }
}

async function npm(args: readonly string[], cwd: string): Promise<Run> {
  const result = await run('npm', args, cwd, 240_000)
  if (result.code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${result.stderr}`)
  return result
}

/** A source of the tests, as a user of the package would have written it. */
export function asUser(source: string): string {
  return source
    .replaceAll(
      /'(?:\.\.\/)+src\/(?:(\w+)\/)?index\.ts'/g,
      (_, entry?: string) => `'${['undici-futures', entry].filter(Boolean).join('/')}'`,
    )
    .replaceAll(/'(\.\/[\w-]+)\.ts'/g, "'$1.js'")
}
