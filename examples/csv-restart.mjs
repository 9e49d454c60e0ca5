// A CSV, each row of which is asked for, and the results in another one, in the same order. Stopped at any time, it goes on from
// where it was: the rows that are there say how many to leave out.
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const folder = await mkdtemp(path.join(tmpdir(), 'csv-'))
const [input, output] = [path.join(folder, 'input.csv'), path.join(folder, 'output.csv')]
await writeFile(input, Array.from({ length: 1_000 }, (_, id) => `${id},city ${id}\n`).join(''))

const countRows = async (file) => (await readFile(file, 'utf8').catch(() => '')).split('\n').length - 1

async function* requestsFrom(file, row) {
  let number = 0
  for await (const line of (await open(file)).readLines()) {
    const [id, city] = line.split(',') // with quotes in it: a package such as csv-parse
    if (number++ >= row) yield { url: `users/${id}`, context: { id, city } }
  }
}

async function run({ stopAfter = Infinity } = {}) {
  const session = new FuturesSession({ baseUrl: url, maxWorkers: 16, retry: 3 })
  const results = await open(output, 'a')
  for await (const future of session.map(requestsFrom(input, await countRows(output)), { ordered: true })) {
    const { id, city } = future.request.context
    const error = await future.exception() // written down, not thrown: one bad row does not end it
    await results.appendFile(`${id},${city},${error ? error.code : future.resultNow().json().name}\n`)
    if (--stopAfter === 0) break // a crash would do as well
  }
  await Promise.all([results.close(), session.close()])
}

await run({ stopAfter: 300 })
console.log('rows that are there:', await countRows(output))
await run()
console.log('rows in the end:', await countRows(output), (await readFile(output, 'utf8')).split('\n').at(-2))
await rm(folder, { recursive: true })
