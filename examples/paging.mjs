// Page after page: each one names the next in its `Link` header. The next page is on its way while this one is worked on.
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url, raiseForStatus: true, retry: 3 })

async function* pagesOf(first) {
  let future = session.get(first)
  while (future !== undefined) {
    const response = await future.result()
    const { next } = response.links
    // What stands in a header may be relative to the page.
    future = next && session.get(new URL(next.url, response.url))
    yield response.json()
  }
}

let count = 0
for await (const items of pagesOf('pages/1')) {
  count += items.length
  console.log(items.join(', '))
}
console.log('items:', count)
await session.close()
