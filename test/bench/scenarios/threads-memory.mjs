// What eight workers in threads, the default number, cost of memory beyond the same in process: resident, after as much work.
import { FuturesSession, InProcessExecutor, WorkerThreadExecutor } from 'undici-futures'

const count = 2_000

export const title = 'Memory of eight workers in threads'
export const contenders = ['threads']
export const rounds = { full: 3, quick: 1 }

export async function measure({ url }) {
  const before = await residentAfter(new InProcessExecutor(), url)
  const after = await residentAfter(new WorkerThreadExecutor(), url)
  return { before, after, more: after - before }
}

async function residentAfter(executor, url) {
  const session = new FuturesSession({ executor })
  for (let done = 0; done < count; done += 8) {
    await Promise.all(Array.from({ length: 8 }, () => session.get(url).json()))
  }
  globalThis.gc()
  const resident = process.memoryUsage.rss() / 2 ** 20
  await session.close()
  await executor.shutdown()
  return resident
}

export const columns = {
  before: { title: 'MiB in process', best: 'min', digits: 1 },
  after: { title: 'MiB with threads', best: 'min', digits: 1 },
  more: { title: 'MiB more', best: 'min', digits: 1 },
}
