// Three ways to know, when an answer comes, what it was asked for.
import { asCompleted, FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession()

// A property of the future: `asCompleted` yields the very objects it was given.
const futures = ['red', 'green', 'blue'].map((color, index) =>
  Object.assign(session.get(`${url}/delay/${index * 50}`), { color }),
)
for await (const future of asCompleted(futures)) console.log('property:', future.color)

// The option `context`, which hooks and events see too.
const future = session.get(`${url}/json`, { context: { color: 'white' } })
await future.result()
console.log('context:', future.request.context.color)

// `response.data`, written by a hook, read from the response.
const hooks = { response: (response) => void (response.data = { color: 'black' }) }
console.log('data:', (await session.get(`${url}/json`, { hooks }).result()).data.color)
