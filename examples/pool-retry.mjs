// What failed is tried again, in a pool made of the exceptions: with the options it had, and three times at most.
import { Pool } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()
const urls = ['json', 'flaky/2', 'status/503'].map((path) => `${url}/${path}`)
const limit = 3

let pool = Pool.fromUrls(urls, { raiseForStatus: true, headers: { Accept: 'application/json' } })
for (;;) {
  const again = []
  for await (const { status, attempts, requestKwargs } of pool.responses()) {
    console.log(`${requestKwargs.url.replace(url, '')}: ${status}, attempt ${attempts}`)
  }
  for await (const exception of pool.exceptions()) {
    if (exception.attempts < limit) again.push(exception)
    else console.log(`${exception.requestKwargs.url.replace(url, '')}: given up, ${exception.code}`)
  }
  if (again.length === 0) break
  pool = Pool.fromExceptions(again)
}
