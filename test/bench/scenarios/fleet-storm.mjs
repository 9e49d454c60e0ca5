// 100 000 requests over a fleet, half of them POST: one of the two workers is killed, every eleventh request is cancelled, and
// everything adds up.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { WorkerCrashedError } from 'undici-futures'
import { hasRedis } from '../fleet/redis.mjs'

const program = fileURLToPath(new URL('../fleet/counting-server.mjs', import.meta.url))

export const title = 'A storm over a fleet, one worker of two is killed'
export const contenders = ['fleet']
export const rounds = { full: 1, quick: 1 }
export const missing = hasRedis ? [] : ['redis-server']

export async function measure({ open, isQuick }) {
  const server = fork(program)
  const [{ port }] = await once(server, 'message')
  const total = isQuick ? 10_000 : 100_000
  const client = await open({ url: '' })
  const begin = performance.now()
  const counts = await run(client, `http://127.0.0.1:${port}`, total)
  const rate = total / ((performance.now() - begin) / 1_000)
  server.send('count')
  const [{ seen, postsTwice, getsTwice }] = await once(server, 'message')
  const { executor } = client.session
  const { pending, running, fulfilled } = executor.stats()
  await client.close()
  server.disconnect()
  const settled = counts.fulfilled + counts.crashed + counts.cancelled
  const unseen = Math.max(0, counts.fulfilled - seen)
  const lost = total - settled + pending + running + Math.abs(fulfilled - counts.fulfilled) + unseen
  return { ...counts, lost, postsTwice, getsTwice, rate }
}

async function run({ session, workers }, url, total) {
  const counts = { fulfilled: 0, crashed: 0, cancelled: 0, failed: 0 }
  let submitted = 0
  const requests = function* () {
    for (; submitted < total; submitted++) {
      yield { method: submitted % 2 === 0 ? 'GET' : 'POST', url: `${url}/${submitted}` }
    }
  }
  session.on('submit', ({ future }) => {
    if (submitted % 11 === 0) setTimeout(() => future.cancel(), submitted % 5)
  })
  for await (const future of session.map(requests(), { bufferSize: 1_000 })) {
    counts[await fateOf(future)]++
    if (counts.fulfilled === Math.round(total / 3)) workers[0].kill('SIGKILL')
  }
  return counts
}

async function fateOf(future) {
  if (future.cancelled()) return 'cancelled'
  const error = await future.exception()
  if (error === undefined) return 'fulfilled'
  return error instanceof WorkerCrashedError ? 'crashed' : 'failed'
}

export const columns = {
  fulfilled: { title: 'fulfilled', best: 'min', digits: 0 },
  cancelled: { title: 'cancelled', best: 'min', digits: 0 },
  crashed: { title: 'WorkerCrashedError', best: 'max', digits: 0 },
  failed: { title: 'other errors', best: 'max', digits: 0 },
  lost: { title: 'lost', best: 'max', digits: 0 },
  postsTwice: { title: 'POST twice', best: 'max', digits: 0 },
  getsTwice: { title: 'GET twice', best: 'max', digits: 0 },
  rate: { title: 'requests/s', best: 'max', digits: 0 },
}
