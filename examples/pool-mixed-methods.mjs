// Jobs of all kinds: each is an object with a URL, a method, and any option of a request. A list or a generator will do.
import { map } from 'undici-futures/pool'
import { startServer } from './server.mjs'

const { url } = await startServer()

function* jobs() {
  yield { url: `${url}/echo`, params: { page: 2, tag: ['a', 'b'] } }
  yield { method: 'POST', url: `${url}/echo`, json: { name: 'Ann' } }
  yield { method: 'PUT', url: `${url}/echo`, data: { name: 'Ann', city: 'Ulm' } }
  yield { method: 'DELETE', url: `${url}/echo`, headers: { 'X-Reason': 'moved' }, context: { reason: 'moved' } }
}

const [responses, exceptions] = map(jobs())

for await (const response of responses) {
  const { method, url, content, headers } = response.json()
  const { context } = response.requestKwargs
  console.log(method, url, content, context === undefined ? '' : context.reason === headers['x-reason'])
}
for await (const exception of exceptions) console.log('failed:', exception.message)
