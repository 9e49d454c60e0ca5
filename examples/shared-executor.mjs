// Two sessions, one budget: at most three requests at once, and a session that is left cancels only its own.
import { FuturesSession, InProcessExecutor } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const executor = new InProcessExecutor({ maxWorkers: 3 })

const api = new FuturesSession({ executor, baseUrl: url, headers: { 'X-Api-Key': 'k' } })
const crawler = new FuturesSession({ executor, headers: { 'User-Agent': 'crawler/1.0' } })

const answers = [1, 2, 3, 4].map((id) => api.get(`users/${id}`))
const pages = [1, 2, 3, 4].map(() => crawler.get(`${url}/delay/60000`, { priority: -1 }))

for (const answer of answers) console.log((await answer.json()).name)

crawler[Symbol.dispose]()
console.log('pages:', pages.map((page) => page.state).join(' '))

// Work that is no request shares the budget too.
console.log('sum:', await executor.submit(() => 1 + 1).result())
await executor.shutdown()
