// Ours in worker threads: by default the default number of them.
import { FuturesSession, WorkerThreadExecutor } from 'undici-futures'

export function open({ url, concurrency, threads, hooks }) {
  const executor = new WorkerThreadExecutor({ maxWorkers: concurrency, threads })
  const session = new FuturesSession({ executor, hooks })
  return {
    submit: () => session.get(url).json(),
    get: () => session.get(url).result(),
    async close() {
      await session.close()
      await executor.shutdown()
    },
  }
}
