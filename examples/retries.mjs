// Retries: which, how often, how long between. A `Retry-After` of the server is obeyed; the wait holds no worker.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url, retry: { total: 3, backoff: { base: 20 } } })
session.on('retry', ({ attempt, response, delay }) => {
  console.log(`attempt ${attempt}: ${response.status}, again ${delay === 0 ? 'at once, as the server asks' : 'soon'}`)
})

const patient = await session.get('flaky/2').result()
console.log('in the end:', patient.status)

const exhausted = await session.get('status/503', { retry: { total: 1, backoff: { base: 1 } } }).result()
console.log('exhausted, the last response:', exhausted.status)

const never = await session.post('status/503').result()
console.log('a POST is not sent again:', never.status)
