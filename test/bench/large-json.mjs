// For threads-large-json: a server, a process of its own, whose every answer is 1 MiB of JSON; and the hook that parses it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'

const size = 2 ** 20

/** Keeps what is wanted of it: little. */
export function summarize(response) {
  const rows = response.json()
  response.data = { rows: rows.length, sum: rows.reduce((sum, { id }) => sum + id, 0) }
}

/** @returns `{ url, close() }` */
export async function startLargeServer() {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const [{ port }] = await once(child, 'message')
  return { url: `http://127.0.0.1:${port}/`, close: () => void child.kill() }
}

function makeBody() {
  const rows = []
  for (let length = 0, id = 0; length < size; id++) {
    rows.push({ id, name: `row ${id}`, tags: ['one', 'two', 'three'], nested: { ok: true, score: id / 7 } })
    length += JSON.stringify(rows.at(-1)).length + 1
  }
  return Buffer.from(JSON.stringify(rows))
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'serve') {
  const body = makeBody()
  const server = http.createServer({ keepAliveTimeout: 60_000 }, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  process.on('disconnect', () => process.exit())
}
