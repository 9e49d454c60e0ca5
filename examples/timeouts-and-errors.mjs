// What a future can end in, and how to tell which.
import { ConnectionError, FuturesSession, HTTPError, TimeoutError } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ timeout: { connect: 2_000, read: 5_000 } })

const futures = {
  'no answer in time': session.get(`${url}/delay/60000`, { timeout: { total: 100 } }),
  'not acceptable': session.get(`${url}/status/503`, { raiseForStatus: true }),
  'nobody listens': session.get('http://127.0.0.1:1/'),
  'no URL': session.get('example.com'),
}
for (const [title, future] of Object.entries(futures)) {
  const error = await future.exception()
  if (error instanceof TimeoutError) console.log(`${title}: ${error.name}, scope ${error.scope}`)
  else if (error instanceof HTTPError) console.log(`${title}: ${error.name}, status ${error.response.status}`)
  else if (error instanceof ConnectionError) console.log(`${title}: ${error.name}, because of ${error.cause?.code}`)
  else console.log(`${title}: ${error.name}, ${error.request.method} ${error.request.url}`)
}

// A wait that runs out leaves the request alone.
const slow = session.get(`${url}/delay/300`)
const wait = await slow.result({ timeout: 50 }).catch((error) => error)
console.log(`${wait.name}, scope ${wait.scope}; the request is ${slow.state}`)
console.log('later:', (await slow.result()).status)
