/**
 * `npm run soak -- --minutes 10 [--executor in-process|threads|both] [--seed 1]`: everything there is, for a long time, on a
 * server in a process of its own. Prints a line each minute (ten in all, if it is for less than ten minutes) and ends with 1 if
 * something grows, an outcome is wrong or the books don't add up. With `both` each has its minutes, one after the other.
 */
import { parseArgs } from 'node:util'
import { ServerProcess } from '../load/server-process.ts'
import { Soak, type SoakKind } from './soak.ts'

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    executor: { type: 'string', default: 'both' },
    seed: { type: 'string', default: '1' },
  },
})
const minutes = Number(flags.minutes)
if (!(minutes > 0)) throw new RangeError(`Expected \`--minutes\` to be a positive number, got ${flags.minutes}`)
const kinds: readonly SoakKind[] = ['in-process', 'threads']
const chosen = kinds.filter((kind) => flags.executor === kind || flags.executor === 'both')
if (chosen.length === 0) throw new RangeError(`Expected \`--executor\` to be ${kinds.join(', ')} or both`)

for (const kind of chosen) {
  console.log(`\n${kind}, ${minutes} minutes, seed ${flags.seed}, Node ${process.version}`)
  const server = await ServerProcess.start(4, new URL('./server-program.js', import.meta.url))
  const complaints = await new Soak(server, kind, Number(flags.seed)).run(minutes)
  await server.close()
  for (const complaint of complaints) console.error(`FAILED, ${kind}: ${complaint}`)
  if (complaints.length > 0) process.exitCode = 1
  else console.log('nothing grows, and the books add up')
}
