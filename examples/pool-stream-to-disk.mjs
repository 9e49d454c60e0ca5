// From a file with a line for each request to a file with a line for each result. Nothing is held in memory but what is
// under way: give it a million lines (`node pool-stream-to-disk.mjs 1000000`), it takes longer and not more.
import { createWriteStream } from 'node:fs'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Pool } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()
const folder = await mkdtemp(join(tmpdir(), 'pool-'))
const lineCount = Number(process.argv[2] ?? 1_000)
await writeFile(
  join(folder, 'input.txt'),
  (function* () {
    for (let id = 1; id <= lineCount; id++) yield id % 100 === 0 ? 'http://127.0.0.1:1/\n' : `${url}/users/${id}\n`
  })(),
)

const input = await open(join(folder, 'input.txt'))
const pool = Pool.fromUrls(input.readLines(), {}, { numProcesses: 8, maxBuffered: 100 })

async function* toLines(results, toLine) {
  for await (const result of results) yield `${toLine(result)}\n`
}

// With `maxBuffered` both are read at the same time: a slow disk slows the requests down, not the other way round.
await Promise.all([
  pipeline(
    toLines(pool.responses(), (response) => `${response.status}\t${response.json().name}`),
    createWriteStream(join(folder, 'responses.tsv')),
  ),
  pipeline(
    toLines(pool.exceptions(), (exception) => `${exception.requestKwargs.url}\t${exception.code}`),
    createWriteStream(join(folder, 'failures.tsv')),
  ),
])

const countLines = async (name) => (await readFile(join(folder, name), 'utf8')).split('\n').length - 1
console.log('responses:', await countLines('responses.tsv'))
console.log('failures:', await countLines('failures.tsv'))
await rm(folder, { recursive: true })
