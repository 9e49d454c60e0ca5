// Leaving a block stops what it started: what waits is never sent, what runs is cut off, what is done stays done.
// On Node 24, and in TypeScript, this is one line: `using session = new FuturesSession({ maxWorkers: 2 })`.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ maxWorkers: 2 })
const futures = []

try {
  futures.push(session.get(`${url}/json`))
  for (let i = 0; i < 10; i++) futures.push(session.get(`${url}/delay/60000`))
  console.log('first:', (await futures[0].result()).status)
} finally {
  session[Symbol.dispose]()
}

console.log(futures.map((future) => future.state).join(' '))

try {
  await futures[1].result()
} catch (error) {
  console.log(error.name, error.code)
}
