// Each worker has a session of its own: an initializer sets it up, an auth generator gives it credentials. They may be
// async (to log in, for example), and need not return the session.
import { bearer, userAgent } from 'undici-futures'
import { Pool } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()

function setUp(session, apiKey, version) {
  session.timeout = 30_000
  session.headers.set('User-Agent', userAgent('my-scraper', version))
  session.headers.set('X-Api-Key', apiKey)
}

let workers = 0
const pool = new Pool({
  jobQueue: [1, 2, 3, 4].map((page) => ({ url: `${url}/echo`, params: { page } })),
  numProcesses: 2,
  initializer: setUp,
  initargs: ['key-of-mine', '0.1'],
  authGenerator: async (session) => {
    session.auth = bearer(`token ${++workers}`)
  },
})

const tokens = new Set()
for await (const response of pool.responses()) {
  const { url, headers } = response.json()
  console.log(url, headers['user-agent'].split(' ')[0], headers['x-api-key'])
  tokens.add(headers.authorization)
}
console.log('sessions:', workers, 'of which in use:', tokens.size)
