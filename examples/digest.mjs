// Digest authentication: the challenge of the first 401 is answered, and later requests use it again, counting.
import { digest, FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url, auth: digest('ann', 'secret') })

const first = await session.get('digest').result()
console.log('first:', first.status, 'after a', first.history[0].status)

const second = await session.get('digest').result()
console.log('second:', second.status, 'at once; uses of the challenge:', second.json().count)
console.log('hops before it:', second.history.length)

const wrong = await session.get('digest', { auth: digest('ann', 'guessed') }).result()
console.log('a wrong password:', wrong.status)
