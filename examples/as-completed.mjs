// The answers in the order in which they come, not in the order in which they were asked for.
import { asCompleted, FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession()

const futures = [900, 100, 500].map((ms) => session.get(`${url}/delay/${ms}`))

for await (const future of asCompleted(futures, { timeout: 10_000 })) {
  const { waited } = await future.json()
  console.log('waited', waited)
}
