// Large JSON bodies fetched and parsed in threads: the main loop stays free for everything else.
import { asCompleted, FuturesSession, taskReference, WorkerThreadExecutor } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const summarize = taskReference(new URL('./tasks/summarize.mjs', import.meta.url), 'summarize')
const executor = new WorkerThreadExecutor()
const session = new FuturesSession({ executor, hooks: { response: summarize } })

const futures = [1_000, 20_000, 50_000].map((count) => session.get(`${url}/rows/${count}`))
for await (const future of asCompleted(futures)) {
  const { data, content } = await future.result()
  console.log(`${data.rows} rows, total ${data.total}, larger than 64 KiB: ${content.byteLength > 65_536}`)
}

await session.close()
await executor.shutdown()
