// Ask for two things at once, and take both answers.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession()

// Both requests are on their way from here; nothing waits yet.
const first = session.get(`${url}/json`)
const second = session.get(`${url}/users/7`, { params: { verbose: 1 } })

const response = await first.result()
console.log('first:', response.status, response.headers.get('content-type'))
console.log('second:', await second.json())

await session.close()
