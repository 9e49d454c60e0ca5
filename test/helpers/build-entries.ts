import { mkdir, rename } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where they are put. */
export const entriesFolder = `${root}node_modules/.cache/undici-futures/`

/** Modules that run in threads, where the sources under test, being TypeScript, can't follow on Node 20. See `built-entries.ts`. */
const entries: Record<string, string> = {
  'worker-entry': 'src/worker-entry.ts',
  'remote-request': 'src/futures-session/remote/remote-request.ts',
  'testing-tasks': 'src/testing/contract/testing-tasks.ts',
  'limited-task': 'src/executor/bullmq/limited-task.ts',
  // For the workers of a fleet, which are processes.
  bullmq: 'src/executor/bullmq/index.ts',
}

/** vitest's `globalSetup`: builds them from the present sources before the first test. */
export default async function buildEntries(): Promise<void> {
  await mkdir(entriesFolder, { recursive: true })
  await Promise.all(Object.entries(entries).map(([name, entry]) => buildEntry(`${name}.js`, entry)))
}

async function buildEntry(name: string, entry: string): Promise<void> {
  const draft = `${entriesFolder}${process.pid}-${name}`
  await build({
    entryPoints: [root + entry],
    outfile: draft,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'error',
  })
  // Another run may be starting threads from the old one.
  await rename(draft, entriesFolder + name)
}
