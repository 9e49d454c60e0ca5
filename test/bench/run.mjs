// `npm run bench`: ours beside its peers. Options, after `--`:
//
//   --quick                    fewer rounds of fewer requests
//   --rounds=<n>               so many rounds of everything
//   --only=<scenario>,...      only these scenarios
//   --contenders=<name>,...    only these contenders, and the bars that are about them
//   --bars                     the scenarios that have bars (bars.mjs); exits with 1 if one is missed
//   --json, --markdown         the whole as JSON; the tables and sentences of the README
//   --chart                    small-json only, and its CPU as the README's picture, cpu-per-request.svg
//
// A scenario names its contenders and what is measured. Each round measures every contender once, in a process of its own, in
// an order that turns from round to round, so that what else the machine does hits all alike. A scenario more is a file in
// scenarios/ and a name below, a contender more a file in contenders/. One that exports `keep` has its contenders open, and
// warm, from before the first round until after the last; with `inTurns`, too, all in one process, for processes of their own
// drift apart (memory, core, clock of the CPU) and make ratios lie by a third. Peers of Python are left out, and named, where
// there is no Python that has them; so are scenarios where something is `missing`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { bars as allBars } from './bars.mjs'
import { drawChart } from './chart.mjs'
import { isPython, measureInPython, pythonFor } from './python.mjs'
import { startServer } from './server.mjs'
import { bestOf, judge } from './statistics.mjs'
import { formatMarkdown, formatScenario } from './table.mjs'

const names = [
  'small-json',
  'body-64k',
  'sequential',
  'streams',
  'start-up',
  'queued',
  'growth',
  'map-memory',
  'http2-8',
  'http2-100',
  'http2-burst',
  'http2-unused',
  'threads-round-trip',
  'threads-small-json',
  'threads-large-json',
  'threads-memory',
  'fleet',
  'fleet-cancel',
  'fleet-storm',
]

const text = { type: 'string' }
const flag = { type: 'boolean', default: false }
const { values: flags } = parseArgs({
  options: {
    quick: flag,
    bars: flag,
    json: flag,
    markdown: flag,
    chart: flag,
    only: text,
    contenders: text,
    rounds: text,
  },
})
const selected = flags.only?.split(',') ?? (flags.chart ? ['small-json'] : flags.bars ? Object.keys(allBars) : names)
const chosen = flags.contenders?.split(',')
const isTable = !flags.json && !flags.markdown
const absent = new Set()

const server = await startServer()
const environment = [
  `${cpus().length} x ${cpus()[0].model}, Node ${process.version}, server: ${server.name}`,
  ...(flags.quick ? ['quick'] : []),
].join(', ')
const report = { environment, absent: [], scenarios: {} }
if (isTable) console.log(`${environment}\n`)

try {
  for (const name of selected) {
    const scenario = await import(`./scenarios/${name}.mjs`)
    const { title, columns, figures } = scenario
    const rounds = await runScenario(name, scenario)
    if (rounds.length === 0) continue
    const results = bestOf(scenario, rounds)
    const isMeasured = ({ of, to = of }) => of in results && to in results
    const bars = (allBars[name] ?? []).filter(isMeasured).map((bar) => judge(bar, results, rounds))
    const sentence = scenario.sentence?.(results)
    report.scenarios[name] = { title, columns, figures, results, bars, sentence, rounds }
    if (isTable) console.log(formatScenario(scenario, results, bars))
  }
} finally {
  await server.close()
}
report.absent = [...absent]
if (flags.json) console.log(JSON.stringify(report, undefined, 2))
if (flags.markdown) console.log(formatMarkdown(report))
if (flags.chart) writeFileSync(new URL('cpu-per-request.svg', import.meta.url), await drawChart(report))
if (flags.bars) {
  const missed = Object.values(report.scenarios).flatMap(({ bars }) => bars.filter(({ isReached }) => !isReached))
  process.exitCode = missed.length > 0 ? 1 : 0
}
if (absent.size > 0) console.error(`Not here, and left out: ${report.absent.join(', ')}`)

/** @returns for each round what each contender has reached */
async function runScenario(name, scenario) {
  for (const what of scenario.missing ?? []) absent.add(what)
  if (scenario.missing?.length > 0) return []
  const contenders = scenario.contenders.filter((contender) => isChosen(contender) && isHere(contender))
  const count = contenders.length === 0 ? 0 : Number(flags.rounds ?? scenario.rounds[flags.quick ? 'quick' : 'full'])
  const rounds = []
  const kept = count > 0 && scenario.keep !== undefined ? await keepAll(name, scenario, contenders) : undefined
  for (let round = 0; round < count; round++) {
    const measured = Object.fromEntries(contenders.map((contender) => [contender, undefined]))
    for (const contender of inOrder(contenders, round, scenario)) {
      // What is measured in turns has many rounds; Python, for which one is long enough, has the first.
      measured[contender] =
        (scenario.inTurns && isPython(contender) && rounds[0]?.[contender]) ||
        (await (kept?.get(contender)?.measure() ?? measure(name, contender)))
    }
    rounds.push(measured)
  }
  for (const { close } of kept?.values() ?? []) await close()
  return rounds
}

/**
 * Whoever was first is the last of the next round. In one process the order is mixed: whoever comes behind
 * a peer, comes behind its garbage, too.
 */
function inOrder(contenders, round, { inTurns = false }) {
  if (!inTurns) return contenders.map((_, turn) => contenders[(turn + round) % contenders.length])
  return contenders
    .map((contender) => ({ contender, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ contender }) => contender)
}

function isChosen(contender) {
  return chosen === undefined || chosen.includes(contender)
}

function isHere(contender) {
  if (!isPython(contender) || pythonFor(contender) !== undefined) return true
  absent.add(contender)
  return false
}

async function measure(scenario, contender) {
  const { url, secureUrl, oldSecureUrl, ca } = server
  const options = { url, secureUrl, oldSecureUrl, ca, isQuick: flags.quick }
  if (isPython(contender)) return measureInPython(scenario, contender, options)
  const { child, next } = start('child.mjs', scenario, contender, options)
  const result = await next()
  await once(child, 'exit')
  return result
}

/** Peers of Python are measured by themselves all the same. */
async function keepAll(name, { inTurns = false }, contenders) {
  const others = contenders.filter((each) => !isPython(each))
  const groups = inTurns ? [others] : others.map((contender) => [contender])
  const kept = new Map()
  for (const group of groups) {
    const options = { url: server.url, isQuick: flags.quick }
    const { child, next } = start('kept.mjs', name, group.join(), options)
    await next()
    const close = async () => {
      if (!child.connected) return
      child.disconnect()
      await once(child, 'exit')
    }
    for (const contender of group) {
      const measure = () => {
        child.send(contender)
        return next()
      }
      kept.set(contender, { measure, close })
    }
  }
  return kept
}

/** @returns a process, and what waits for the next thing that it says */
function start(program, scenario, contender, options) {
  const child = fork(new URL(program, import.meta.url), [scenario, contender, JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${scenario} of ${contender} ended with ${code}`)
  })
  ended.catch(() => undefined)
  return { child, next: async () => (await Promise.race([once(child, 'message'), ended]))[0] }
}
