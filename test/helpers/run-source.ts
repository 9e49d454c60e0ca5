import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { build } from 'esbuild'
import { projectRoot, runNode, type Run } from './run-node.ts'

const cache = `${projectRoot}node_modules/.cache/undici-futures/`

/**
 * Runs a program of its own against the present sources: what ends a process, or keeps it from ending, can't be seen from
 * inside. It imports them as `./src/...`, and may say `await` at the top level.
 */
export async function runSource(code: string, ...nodeArgs: string[]): Promise<Run> {
  const file = `${cache}${randomUUID()}.mjs`
  await mkdir(cache, { recursive: true })
  await build({
    stdin: { contents: code, resolveDir: projectRoot, loader: 'ts' },
    outfile: file,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
  })
  try {
    return await runNode([...nodeArgs, file])
  } finally {
    await rm(file)
  }
}
