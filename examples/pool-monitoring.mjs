// How far it is, what went well and what did not: `stats()` at any time, here for a progress bar.
import { SingleBar } from 'cli-progress'
import { Pool } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()
const urls = Array.from({ length: 300 }, (_, i) => `${url}/status/${i % 10 === 0 ? 503 : 200}`)

const pool = Pool.fromUrls(urls, { raiseForStatus: true }, { numProcesses: 8 })
const bar = new SingleBar({
  format: '[{bar}] {value}/{total}: {responses} well, {exceptions} failed',
  noTTYOutput: true,
  stream: process.stdout,
})

const show = () => {
  const stats = pool.stats()
  bar.update(stats.responses + stats.exceptions, stats)
}
bar.start(pool.stats().submitted, 0, pool.stats())
const timer = setInterval(show, 50)
await pool.joinAll()
clearInterval(timer)
show()
bar.stop()

console.log('\ncounts:', pool.stats())
// After `joinAll` everything is there, and can be had without waiting.
console.log('the first failure:', pool.getException().message.replace(url, ''))
