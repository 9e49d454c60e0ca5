// A program in one folder without node_modules, threads included: esbuild takes the entry of the threads as one more file.
// Needs `npm install esbuild`.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { startServer } from './server.mjs'

const out = mkdtempSync(path.join(tmpdir(), 'bundled-'))
await build({
  // `summarize.mjs` is a module that hooks name: a file of its own there, too.
  entryPoints: {
    app: fileURLToPath(new URL('tasks/bundled-app.mjs', import.meta.url)),
    summarize: fileURLToPath(new URL('tasks/summarize.mjs', import.meta.url)),
    'worker-entry': fileURLToPath(new URL('worker-entry.js', import.meta.resolve('undici-futures'))),
  },
  outdir: out,
  bundle: true,
  logLevel: 'error',
  splitting: true, // app and tasks have the same classes then
  platform: 'node',
  format: 'esm',
  banner: {
    js: "import { createRequire as nodeRequire } from 'node:module'; const require = nodeRequire(import.meta.url)", // undici's
  },
})
writeFileSync(path.join(out, 'package.json'), '{ "type": "module" }')

const { url } = await startServer()
const { stdout } = await promisify(execFile)(process.execPath, [path.join(out, 'app.js'), `${url}/rows/100`])
console.log('the bundle says:', stdout.trim())
rmSync(out, { recursive: true })
