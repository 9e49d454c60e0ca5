// `npm start`: two thousand requests to a moody server, and the last hundred of them called off. In the end the server's
// ledger is compared with ours, request by request.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { SingleBar } from 'cli-progress'
import { asCompleted, ConnectionError, FuturesSession } from 'undici-futures'

const total = 2_000
const enough = 1_900
const maxWorkers = 32

const server = fork(new URL('start-server.mjs', import.meta.url))
const [{ url }] = await once(server, 'message')
console.log(`${total} requests to ${url}, ${maxWorkers} at a time; the rest is cancelled when ${enough} are done.\n`)

const bar = new SingleBar({
  format: '  {bar} {percentage} %   {value} done   {running} running   {failed} failed   {duration} s',
  barCompleteChar: '━',
  barIncompleteChar: '─',
  barsize: 30,
  hideCursor: true,
  noTTYOutput: true, // in a file or a pipe: a line each second
  notTTYSchedule: 1_000,
  stream: process.stdout,
})
const session = new FuturesSession({ maxWorkers, baseUrl: url })
const started = new Set()
session.on('start', ({ request }) => started.add(request.context))

const begin = performance.now()
const futures = Array.from({ length: total }, (_, id) => session.get(`items/${id}`, { context: id }))
/** id -> what became of it */
const ours = new Map()
/** What became of it -> milliseconds until the headers */
const latencies = new Map()

bar.start(total, 0, { running: 0, failed: 0 })
for await (const future of asCompleted(futures)) {
  const outcome = outcomeOf(future)
  ours.set(future.request.context, outcome)
  if (!latencies.has(outcome)) latencies.set(outcome, [])
  if (future.state === 'fulfilled') latencies.get(outcome).push(future.resultNow().elapsed)

  const { done, running, rejected } = session.stats()
  bar.update(done, { running, failed: rejected })
  if (done === enough) session.cancelAll('enough')
}
bar.stop()
await session.close()
const seconds = (performance.now() - begin) / 1_000

server.send('your ledger, please')
const [{ ledger }] = await once(server, 'message')
server.disconnect()

printTable()
process.exitCode = compareWith(new Map(ledger)) ? 0 : 1

/** In the server's words, where it knows a word for it. */
function outcomeOf(future) {
  if (future.cancelled()) return started.has(future.request.context) ? 'cut off' : 'never sent'
  if (future.state === 'fulfilled') return String(future.resultNow().status)
  const error = future.exceptionNow()
  return error instanceof ConnectionError ? 'reset' : error.name
}

function printTable() {
  const print = (name, cells) =>
    console.log(`  ${name.padEnd(12)}${cells.map((cell) => String(cell).padStart(10)).join('')}`)
  console.log()
  print('outcome', ['requests', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms'])
  for (const outcome of [...latencies.keys()].sort()) {
    const times = latencies.get(outcome).sort((a, b) => a - b)
    const percentiles = [0.5, 0.9, 0.99, 1].map((share) => times[Math.ceil(times.length * share) - 1]?.toFixed(0) ?? '')
    print(outcome, [idsOf(outcome).length, ...percentiles])
  }
}

function idsOf(outcome) {
  return [...ours.keys()].filter((id) => ours.get(id) === outcome)
}

/** Whether the server tells of each request what we do. */
function compareWith(theirs) {
  const cutOff = idsOf('cut off')
  const neverSent = idsOf('never sent')
  const answered = [...ours.keys()].filter((id) => !cutOff.includes(id) && !neverSent.includes(id))
  const mismatches = [
    ...answered.filter((id) => theirs.get(id) !== ours.get(id)),
    ...neverSent.filter((id) => theirs.has(id)),
    ...[...theirs.keys()].filter((id) => !ours.has(id)),
  ]
  const arrived = cutOff.filter((id) => theirs.has(id)).length
  console.log(
    `\n  ${answered.length} requests were answered in ${seconds.toFixed(1)} s; the server says the same of ` +
      `${mismatches.length === 0 ? 'each of them' : `all but ${mismatches.length}`}.`,
  )
  console.log(
    `  Of the ${cutOff.length} that were cut off it saw ${arrived}, of the ${neverSent.length} that were still waiting ` +
      `${neverSent.filter((id) => theirs.has(id)).length}.\n`,
  )
  return mismatches.length === 0
}
