// A server, a process of its own, that counts what it is asked: how often each URL, by its method.
import http from 'node:http'

const counts = new Map()
const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const key = `${request.method} ${request.url}`
  counts.set(key, (counts.get(key) ?? 0) + 1)
  request.resume().on('end', () => response.end('ok'))
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('disconnect', () => process.exit())
process.on('message', () => {
  const repeated = (method) => [...counts].filter(([key, count]) => count > 1 && key.startsWith(method)).length
  process.send({ seen: counts.size, postsTwice: repeated('POST'), getsTwice: repeated('GET') })
  counts.clear()
})
