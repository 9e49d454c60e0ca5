// A server that asks another one for each of its users: one session and one bound for all, a deadline, and whoever leaves takes
// his requests along. Needs `npm install fastify`.
import Fastify from 'fastify'
import { ConnectionError, FuturesSession, InProcessExecutor, QueueFullError, TimeoutError } from 'undici-futures'
import { startServer } from './server.mjs'

const upstream = await startServer()
const executor = new InProcessExecutor({ maxWorkers: 64, maxQueue: 1_000 })
// `cookies: false`: one jar for all users would give one's cookies to the other.
const timeout = { total: 2_000, queue: 500 }
const session = new FuturesSession({ executor, baseUrl: upstream.url, cookies: false, timeout })
session.on('cancel', ({ request }) => console.log('called off:', request.url))

const app = Fastify()
app.get('/:kind/:id', async (request, reply) => {
  const path = `${encodeURIComponent(request.params.kind)}/${encodeURIComponent(request.params.id)}`
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort()) // after the answer there is nothing left to cancel
  const headers = { 'X-Request-Id': request.id }
  const response = await session.get(path, { headers, signal: gone.signal }).result()
  return reply.code(response.status).send(response.json())
})
app.setErrorHandler((error, request, reply) => {
  const statuses = [[QueueFullError, 503], [TimeoutError, 504], [ConnectionError, 502]] // prettier-ignore
  const [, status = 500] = statuses.find(([kind]) => error instanceof kind) ?? []
  return reply.code(status).send({ error: error.name })
})
app.addHook('onClose', async () => {
  await session.close()
  await executor.shutdown()
})

const url = await app.listen({ port: 0, host: '127.0.0.1' })
const client = new FuturesSession({ baseUrl: url })
console.log('request id:', (await client.get('echo/1').json()).headers['x-request-id'])
console.log('too late:', (await client.get('delay/60000').result()).status)
session.once('start', () => client.cancelAll('leaving'))
await client
  .get('delay/60000')
  .result()
  .catch(() => undefined)
await app.close()
