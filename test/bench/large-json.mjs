// For threads-large-json: a server, a process of its own, whose every answer is 1 MiB of JSON; and the hook that parses it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { jsonOfSize } from './bodies.mjs'

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

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'serve') {
  const body = jsonOfSize(2 ** 20)
  const server = http.createServer({ keepAliveTimeout: 60_000 }, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  })
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  process.on('disconnect', () => process.exit())
}
