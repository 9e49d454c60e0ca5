// `node test/helpers/run-program.mjs <program.ts> [arguments]`: a program of ours in a process of its own, with `gc()`, on the
// present sources. It is bundled first, for Node 20 reads no TypeScript; other programs that it forks (`--with=<file.ts>`) and
// the modules that run in threads stand beside it, as they do in the package.
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = path.join(root, 'node_modules/.cache/undici-futures')
const [program, ...rest] = process.argv.slice(2)
const beside = rest.filter((argument) => argument.startsWith('--with=')).map((argument) => argument.slice(7))
const programArguments = rest.filter((argument) => !argument.startsWith('--with='))

await mkdir(cache, { recursive: true })
const folder = await mkdtemp(path.join(cache, 'program-'))
try {
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  await build({
    absWorkingDir: root,
    entryPoints: [...[program, ...beside], ...['src/worker-entry.ts', 'src/futures-session/remote/remote-request.ts']],
    // All in one folder, whatever folder they come from.
    entryNames: '[name]',
    outdir: folder,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
  })
  process.exitCode = await run(path.join(folder, path.basename(program, '.ts') + '.js'))
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** @returns its exit code; killed, 1. Who stops us stops it. */
function run(file) {
  const child = spawn(process.execPath, ['--expose-gc', file, ...programArguments], { cwd: root, stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill('SIGKILL'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
