// Any object with a promise-returning `request` becomes a session of futures: here the global fetch, in five lines.
// What comes back is then fetch's own Response.
import { asCompleted, FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const fetchSession = {
  request: (method, url, { signal, json, headers } = {}) =>
    fetch(url, { method, signal, headers, body: json === undefined ? undefined : JSON.stringify(json) }),
}

const { url } = await startServer()
const session = new FuturesSession({ session: fetchSession, maxWorkers: 2 })

const futures = [1, 2, 3].map((id) => session.get(`${url}/users/${id}`))
for await (const future of asCompleted(futures)) {
  const response = await future.result()
  console.log(response instanceof globalThis.Response, (await response.json()).name)
}

const slow = session.get(`${url}/delay/60000`)
slow.cancel('changed my mind')
console.log(slow.state)
