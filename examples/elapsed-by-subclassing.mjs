// Every verb goes through `request()`, so a subclass overrides one method: here to time each request from the call on.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

class TimedSession extends FuturesSession {
  request(method, url, options) {
    const start = performance.now()
    const future = super.request(method, url, options)
    future.addDoneCallback(() => (future.elapsed = performance.now() - start))
    return future
  }
}

const { url } = await startServer()
const session = new TimedSession({ maxWorkers: 1 })

const futures = [session.get(`${url}/delay/100`), session.get(`${url}/delay/100`)]
for (const future of futures) {
  const response = await future.result()
  console.log(`asked -> done: ${future.elapsed >= 90}, sent -> headers: ${response.elapsed >= 90}`)
}
console.log('the second waited for the worker:', futures[1].elapsed > futures[0].elapsed)
