import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'

/** The lines of Node that all tests run on. */
export const supportedNodes = ['20', '22', '24', '26']

/**
 * The newest Node of a line, by the npm package `node`, whose binaries stay in npm's cache.
 *
 * @returns where it is, and its version, as `v24.1.0`
 * @throws {Error} where npm can't fetch it, or gives another one
 */
export async function fetchNode(major) {
  const script = 'console.log(JSON.stringify([process.execPath, process.version, process.versions.undici]))'
  // Outside of the project, whose own packages npx would look at first.
  const npx = await run('npx', ['--yes', '--package', `node@${major}`, 'node', '--eval', script], { cwd: tmpdir() })
  const line = npx.stdout.trim().split('\n').at(-1) ?? ''
  if (npx.code !== 0 || !line.startsWith('[')) throw new Error(`npx node@${major} failed:\n${npx.stdout}${npx.stderr}`)
  const [path, version, undici] = JSON.parse(line)
  if (!version.startsWith(`v${major}.`)) throw new Error(`npx node@${major} runs Node ${version}: ${path}`)
  return { path, version, undici }
}

/** Runs a program to its end and keeps what it prints. Ended after the time limit, it has no exit code. */
export function run(command, args, { timeout = 600_000, ...options }) {
  const child = spawn(command, args, { ...options, timeout, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (output[name] += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...output }))
  })
}
