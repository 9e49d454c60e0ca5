// Metrics from a session's events, in the text format of Prometheus. Nothing is counted where nobody listens.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url, maxWorkers: 4, retry: 1 })

const requests = new Map() // outcome -> how many
const buckets = { 0.01: 0, 0.1: 0, '1.0': 0, '+Inf': 0 } // seconds
let retries = 0

const count = (outcome) => requests.set(outcome, (requests.get(outcome) ?? 0) + 1)
session.on('response', ({ response }) => {
  count(response.status)
  for (const bound in buckets) if (response.elapsed <= 1_000 * bound || bound === '+Inf') buckets[bound]++
})
session.on('failure', ({ error }) => count(error.code))
session.on('cancel', () => count('cancelled'))
session.on('retry', () => retries++)

function metrics() {
  const { pending, running, bytes } = session.stats()
  return [
    ...[...requests].map(([outcome, value]) => `http_client_requests_total{outcome="${outcome}"} ${value}`),
    ...Object.entries(buckets).map(([bound, value]) => `http_client_seconds_bucket{le="${bound}"} ${value}`),
    `http_client_retries_total ${retries}`,
    `http_client_received_bytes_total ${bytes}`,
    `http_client_queue_length ${pending}`,
    `http_client_in_flight ${running}`,
  ].join('\n')
}

session.on('unobserved', () => undefined) // the metrics tell of it
for (let id = 1; id <= 20; id++) session.get(`users/${id}`)
session.get('flaky/1')
session.get('status/404')
session.get('http://127.0.0.1:1/')
session.get('delay/60000').cancel()
await session.onIdle()
console.log(metrics())
