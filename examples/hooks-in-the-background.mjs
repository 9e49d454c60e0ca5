// A response hook works on the answer before the future is done, while the caller does something else.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession()

async function parse(response) {
  response.data = response.json()
  await new Promise((resolve) => setTimeout(resolve, 50)) // a hook may wait: for a database, say
}

const future = session.get(`${url}/json`, { hooks: { response: parse } })
console.log('the caller goes on while the hook runs')

const response = await future.result()
console.log('parsed by the hook:', response.data.fruit)
