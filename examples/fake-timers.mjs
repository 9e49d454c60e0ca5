// A test with fake timers: three retries that wait for minutes, in no time. vitest and Jest: `useFakeTimers`, in Jest with
// `{ doNotFake: ['nextTick', 'queueMicrotask'] }`.
import assert from 'node:assert/strict'
import { mock } from 'node:test'
import { MockAgent } from 'undici'
import { FuturesSession } from 'undici-futures'

const agent = new MockAgent()
agent.disableNetConnect()
const api = agent.get('https://api.example.com')
api
  .intercept({ path: '/busy' })
  .reply(503, {}, { headers: { 'retry-after': '60' } })
  .times(3)
api.intercept({ path: '/busy' }).reply(200, { at: 'last' })

mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })
const session = new FuturesSession({ dispatcher: agent, baseUrl: 'https://api.example.com', retry: 3 })
const future = session.get('busy')

for (let minute = 1; minute <= 3; minute++) {
  await new Promise((resolve) => session.once('retry', resolve))
  assert.equal(future.state, 'running') // a wait before a retry holds no worker, and is no new future
  mock.timers.tick(60_000)
}
assert.equal((await future.json()).at, 'last')
mock.timers.reset()
console.log('three minutes have passed')
