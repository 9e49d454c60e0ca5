// `npm run bench [-- --quick] [-- --json] [-- --only=small-json,queued]`: ours beside its peers.
//
// A scenario names its contenders, what is measured and the bars. Each round measures every contender once, in a process of
// its own, in an order that turns from round to round, so that what else the machine does hits all alike; the best value of
// all rounds counts. A scenario more is a file in scenarios/ and a name below, a contender more a file in contenders/.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { startServer } from './server.mjs'
import { formatScenario } from './table.mjs'

const names = [
  'small-json',
  'sequential',
  'queued',
  'map-memory',
  'threads-small-json',
  'threads-large-json',
  'threads-memory',
]

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, only: { type: 'string' } },
})
const isQuick = flags.quick === true
const selected = flags.only?.split(',') ?? names

const server = await startServer()
const environment = {
  node: process.version,
  cpu: `${cpus().length} x ${cpus()[0].model}`,
  server: server.name,
  isQuick,
}
const report = { environment, scenarios: {} }
if (!flags.json)
  console.log(`${environment.cpu}, Node ${process.version}, server: ${server.name}${isQuick ? ', quick' : ''}\n`)

try {
  for (const name of selected) {
    const scenario = await import(`./scenarios/${name}.mjs`)
    const results = await runScenario(name, scenario)
    const bars = scenario.bars.map((bar) => ({ ...bar, value: ratio(bar, results) }))
    report.scenarios[name] = { title: scenario.title, results, bars }
    if (!flags.json) console.log(formatScenario(scenario, results, bars))
  }
} finally {
  await server.close()
}
if (flags.json) console.log(JSON.stringify(report, undefined, 2))

async function runScenario(name, scenario) {
  const measured = Object.fromEntries(scenario.contenders.map((contender) => [contender, []]))
  const rounds = isQuick ? scenario.rounds.quick : scenario.rounds.full
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < scenario.contenders.length; turn++) {
      const contender = scenario.contenders[(turn + round) % scenario.contenders.length]
      measured[contender].push(await measure(name, contender))
    }
  }
  return Object.fromEntries(Object.entries(measured).map(([contender, values]) => [contender, best(scenario, values)]))
}

async function measure(scenario, contender) {
  const options = JSON.stringify({ url: server.url, isQuick })
  const child = fork(new URL('child.mjs', import.meta.url), [scenario, contender, options], {
    execArgv: ['--expose-gc'],
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${scenario} of ${contender} ended with ${code}`)
  })
  const [result] = await Promise.race([once(child, 'message'), ended])
  await ended.catch(() => undefined)
  return result
}

function best({ columns }, values) {
  const entries = Object.entries(columns).map(([column, { best }]) => [
    column,
    Math[best](...values.map((value) => value[column])),
  ])
  return Object.fromEntries(entries)
}

/** A bar without `to` is on the value itself. */
function ratio({ of, to, column }, results) {
  return to === undefined ? results[of][column] : results[of][column] / results[to][column]
}
