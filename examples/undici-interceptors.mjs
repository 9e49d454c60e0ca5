// undici's own interceptors: a cache, one request for several that ask the same at once, and names looked up once. They work
// on a dispatcher, so the connections are that dispatcher's: `proxies`, `verify`, `cert`, `poolOptions` and the bound on idle
// connections mean nothing there; say these things to the Agent.
import { Agent, interceptors } from 'undici'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const { port } = new URL(url)
const lookups = []
const lookup = (origin, options, callback) => {
  lookups.push(origin.hostname)
  callback(null, [{ address: '127.0.0.1', family: 4, ttl: 60_000 }])
}

// The last one is asked first: requests that are alike become one, which the cache may answer, or else the network.
const { cache, deduplicate, dns } = interceptors
const dispatcher = new Agent().compose(dns({ lookup }), cache(), deduplicate())
const session = new FuturesSession({ dispatcher, baseUrl: `http://api.internal:${port}` })

const together = await Promise.all([1, 2, 3].map(() => session.get('cached').json()))
console.log('three at once, asked:', together.map(({ asked }) => asked).join(' '))
console.log('later, from the cache:', (await session.get('cached').json()).asked)
for (let id = 1; id <= 10; id++) await session.get(`users/${id}`).result()
console.log('names looked up:', lookups.join(' '))
await session.close()
await dispatcher.close() // a session never closes what it was given

// A lookup alone needs no dispatcher, and all options go on working.
const poolOptions = { lookup: (host, options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]) }
const own = new FuturesSession({ poolOptions, baseUrl: `http://api.internal:${port}` })
console.log('a lookup of ours:', (await own.get('users/7').json()).name)
await own.close()
