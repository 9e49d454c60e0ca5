import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The folder of the package. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program to its end, without input. It is killed after a minute, or the `timeout`, which shows as `code: null`. */
export function run(command: string, args: readonly string[], cwd = projectRoot, timeout = 60_000): Promise<Run> {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    env: quietEnvironment(),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Runs a program of ours with this very Node. */
export const runNode = (args: readonly string[], cwd?: string, timeout?: number): Promise<Run> =>
  run(process.execPath, args, cwd, timeout)

/** Arguments of Node: what is deprecated, or will be, throws. What a program of ours does is not, on any Node. */
export const strictly: readonly string[] = ['--throw-deprecation', '--pending-deprecation']

/** Runs a TypeScript program of the tests on the present sources: see `run-program.mjs`. */
export function runProgram(program: string, args: readonly string[], timeout: number): Promise<Run> {
  return run(process.execPath, ['test/helpers/run-program.mjs', program, ...args], projectRoot, timeout)
}

/**
 * Neither colours nor what a test runner or a proxy in the environment would add. Nor coverage: of programs nobody counts it,
 * and Node complains where a thread ends before it is written.
 */
function quietEnvironment(): NodeJS.ProcessEnv {
  const unwanted = /^(NODE_OPTIONS|VITEST.*|FORCE_COLOR|.*_proxy)$/i
  const names = Object.keys(process.env).filter((name) => !unwanted.test(name))
  const kept = Object.fromEntries(names.map((name) => [name, process.env[name]]))
  // Node gives NODE_V8_COVERAGE to every child that is not given another one.
  return { ...kept, NODE_V8_COVERAGE: '', NO_COLOR: '1' }
}
