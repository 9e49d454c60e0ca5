// Page after page: by the `Link` header, or by what the body says. The next page is on its way while this one is worked on.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url, raiseForStatus: true, retry: 3 })

let count = 0
for await (const response of session.paginate('pages/1')) {
  const items = response.json()
  count += items.length
  console.log(items.join(', '))
}
console.log('items:', count)

// A cursor in the body: `next` says what to ask for then, or nothing at the end.
const next = (response) => response.json().cursor && { url: 'search', json: { cursor: response.json().cursor } }
const found = []
for await (const response of session.paginate('search', { method: 'POST', json: {}, next })) {
  found.push(...response.json().found)
  if (found.length >= 4) break // cancels the page that is on its way
}
console.log('found:', found.join(', '))
await session.close()
