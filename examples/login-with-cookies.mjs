// A session keeps what a server sets, and sends it again: log in once, then ask.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url })

console.log('before:', (await session.get('me').result()).status)
await session.post('login', { data: { user: 'ann', password: 'secret' } }).result()
console.log('after:', (await session.get('me').result()).status)

// On a server, where one session serves many users, keep no cookies: what is set for one must not reach another.
const shared = new FuturesSession({ baseUrl: url, cookies: false })
await shared.post('login').result()
console.log('without a jar:', (await shared.get('me').result()).status)
console.log('with its own:', (await shared.get('me', { cookies: { token: 'of ann' } }).json()).cookie)
