// The server of `npm start`: a process of its own, with uneven delays and a few failures, that keeps a ledger of what it
// was asked and what it answered, by the number in the path.
import http from 'node:http'

/** How request `id` goes: the same each time it is asked, and known to nobody but the server. */
function fate(id) {
  const dice = (Math.imul(id + 1, 2_654_435_761) >>> 0) / 2 ** 32
  const delay = 60 + (120 * ((id * 7919) % 997)) / 997
  if (dice < 0.02) return { kind: 'reset', delay }
  if (dice < 0.05) return { kind: '500', delay }
  if (dice < 0.06) return { kind: '404', delay }
  if (dice < 0.1) return { kind: '200', delay: 700 + delay * 4 }
  return { kind: '200', delay }
}

/** id -> '200' | '404' | '500' | 'reset' | 'cut off' */
const ledger = new Map()

const server = http.createServer((request, response) => {
  const id = Number(request.url.slice('/items/'.length))
  const { kind, delay } = fate(id)
  ledger.set(id, 'cut off')
  const timer = setTimeout(() => {
    ledger.set(id, kind)
    if (kind === 'reset') return request.socket.destroy()
    response.writeHead(Number(kind), { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id, kind, delay: Math.round(delay) }))
  }, delay)
  response.once('close', () => clearTimeout(timer))
})

server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))
process.on('message', () => process.send({ ledger: [...ledger] }))
process.on('disconnect', () => process.exit())
