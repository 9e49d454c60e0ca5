// How to test code that uses a session, without a network: undici's MockAgent in the place of the connections, or a
// ManualExecutor that runs nothing until it is told to.
import { FuturesSession } from 'undici-futures'
import { ManualExecutor } from 'undici-futures/testing'
import { MockAgent } from 'undici'

const agent = new MockAgent()
agent.disableNetConnect()
const api = agent.get('https://api.example.com')
api.intercept({ path: '/users/7' }).reply(200, { name: 'Ann' })
api.intercept({ path: '/users/8' }).reply(503, {})

const session = new FuturesSession({ dispatcher: agent, baseUrl: 'https://api.example.com' })
console.log((await session.get('users/7').json()).name)
console.log((await session.get('users/8').result()).status)
agent.assertNoPendingInterceptors()

const executor = new ManualExecutor()
const manual = new FuturesSession({ executor, dispatcher: agent })
const future = manual.get('https://api.example.com/users/9')
console.log('nothing runs by itself:', future.state)
future.cancel()
await executor.runAll()
console.log('and cancelled work never does:', future.state)
