/**
 * `npm run test:matrix`: the whole suite on every supported Node, then what TypeScript compilers say of the packed package
 * (test/matrix/*.test.ts). A line for each, failures in full, and an exit code.
 *
 *     npm run test:matrix -- --only=24,26         some of 20, 22, 24, 26, compilers
 *     npm run test:matrix -- --without=20         all but these
 *     npm run test:matrix -- --counts=file.json   for .ci/run: { numPassedTests, numFailedTests }
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { abilities } from './abilities.mjs'
import { fetchNode, run, supportedNodes } from './nodes.mjs'
import { judge } from './report.mjs'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url))
const all = [...supportedNodes, 'compilers']
/** Of one run of the suite, in ms: some ten times what it takes on a quiet machine. */
const timeout = 45 * 60_000

const here = { path: process.execPath, version: process.version }
const { only, without, counts } = parseArgs({
  options: { only: { type: 'string' }, without: { type: 'string' }, counts: { type: 'string' } },
}).values
const folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-matrix-'))
let numPassedTests = 0
let numFailedTests = 0
try {
  await build()
  for (const name of chosen()) await runOne(name)
} finally {
  await rm(folder, { recursive: true })
}
if (counts !== undefined) await writeFile(counts, JSON.stringify({ numPassedTests, numFailedTests }))
console.log(`${numPassedTests} passed, ${numFailedTests} failed`)
process.exitCode = numFailedTests === 0 ? 0 : 1

function chosen() {
  const names = (list) => list?.split(',').map((name) => name.trim())
  const strangers = [...(names(only) ?? []), ...(names(without) ?? [])].filter((name) => !all.includes(name))
  if (strangers.length > 0) throw new Error(`Expected some of ${all.join(', ')}, got ${strangers.join(', ')}`)
  return (names(only) ?? all).filter((name) => !names(without)?.includes(name))
}

/** `dist/` is what examples, README and package are tested with. */
async function build() {
  const { code, stdout, stderr } = await run('npm', ['run', '--silent', 'build'], { cwd: projectRoot })
  if (code !== 0) throw new Error(`npm run build ended with ${code ?? 'the time limit'}:\n${stdout}${stderr}`)
}

async function runOne(name) {
  const started = performance.now()
  let line = name
  let outcome
  try {
    if (name === 'compilers') {
      outcome = await runSuite('test/matrix/vitest.config.ts', here, [])
    } else {
      const node = await fetchNode(name)
      line = `Node ${node.version} (undici ${node.undici} inside)`
      outcome = await runSuite('test/vitest.config.ts', node, abilities)
    }
  } catch (error) {
    outcome = { passed: 0, failed: 1, skipped: 0, reasons: [], complaints: [`could not be run: ${error.message}`] }
  }
  numPassedTests += outcome.passed
  numFailedTests += outcome.failed
  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(`${line}: ${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped} skipped (${seconds} s)`)
  for (const [number, reason] of outcome.reasons) console.log(`  ${number} skipped: ${reason}`)
  if (outcome.failed > 0) console.log(outcome.output ?? '')
  for (const complaint of outcome.complaints) console.log(`  ${complaint}`)
}

async function runSuite(config, node, table) {
  const file = path.join(folder, `${node.version}-${path.basename(path.dirname(config))}.json`)
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', config, '--silent=passed-only']
  // What names each file as it ends: of a run that is cut off, this is all there is.
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const options = { cwd: projectRoot, env: environment(node), timeout }
  const { code, stdout, stderr } = await run(node.path, [...vitest, ...reporters], options)
  const outcome = judge(await readFile(file, 'utf8').then(JSON.parse, () => undefined), node.version, table)
  // Errors that belong to no test: vitest ends with 1 and counts nothing.
  if (outcome.failed === 0 && code !== 0) {
    outcome.failed = 1
    outcome.complaints.push(`vitest ended with ${code ?? 'the time limit'}`)
  }
  return { ...outcome, output: stdout + stderr }
}

/** With this Node first in the path, `npm` and what it starts run on it, too. */
function environment({ path: execPath }) {
  const search = `${path.dirname(execPath)}${path.delimiter}${process.env.PATH}`
  return { ...process.env, PATH: search, NODE: execPath, npm_node_execpath: execPath, NO_COLOR: '1' }
}
