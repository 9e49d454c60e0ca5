// An auth function that is a generator sends requests itself: here it refreshes its token on a 401, once for all requests
// that wait for it, and asks again.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url })
let token = 'stale'
let refreshes = 0
let refreshing

async function refresh() {
  // Through the inner session, which needs no worker: all of ours may be waiting for this.
  const response = await session.session.get('json', { auth: null, params: { refresh: ++refreshes } })
  token = response.ok ? 'fresh' : 'none'
  refreshing = undefined
}

session.auth = async function* (request) {
  const used = token
  request.headers.set('Authorization', `Bearer ${used}`)
  const response = yield request
  if (response.status !== 401) return
  if (token === used) await (refreshing ??= refresh())
  request.headers.set('Authorization', `Bearer ${token}`)
  yield request
}

const futures = Array.from({ length: 5 }, () => session.get('token'))
for (const future of futures) console.log('status', (await future.result()).status)
console.log('refreshes:', refreshes)
