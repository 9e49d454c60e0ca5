// A list of URLs, four at a time: the responses as they come in, then what failed. Whatever its status, a response is one.
import { Pool } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()
const urls = [`${url}/users/1`, `${url}/users/2`, `${url}/status/404`, 'http://127.0.0.1:1/nobody', 'no URL']

const pool = Pool.fromUrls(urls, { timeout: 5_000 }, { numProcesses: 4 })

for await (const response of pool.responses()) {
  console.log(response.status, response.requestKwargs.url.replace(url, ''))
}
for await (const exception of pool.exceptions()) {
  console.log(exception.code, exception.requestKwargs.url)
}
