// A fleet of two worker processes beside BullMQ by itself, threads, and dask.distributed under requests-futures: what a request
// of 64 bytes costs, all processes but the server together. All are started and warm before the first of them is measured.
import { hasRedis } from '../fleet/redis.mjs'

export const title = 'A fleet of two workers, 64 bytes a request'
export const contenders = ['fleet', 'fleet-sealed', 'bare-bullmq', 'two-threads', 'dask']
export const rounds = { full: 5, quick: 2 }
export const missing = hasRedis ? [] : ['redis-server']

export async function keep({ open, url, isQuick }) {
  const client = await open({ url: `${url}64.json` })
  const scale = isQuick ? 3 : 1
  await submit(client, 512, 6_000 / scale)
  return {
    async measure() {
      const many = await measureAt(client, 512, 6_000 / scale)
      const some = await measureAt(client, 64, 4_500 / scale)
      return {
        ...{ cpu512: many.cpu, own512: many.own, rate512: many.rate, cpu64: some.cpu, rate64: some.rate },
        one: await measureOne(client, 600 / scale),
      }
    },
    close: () => client.close(),
  }
}

/** @returns CPU microseconds for each request, all of them and those of this process, and requests in a second */
async function measureAt(client, atOnce, count) {
  const others = await client.cpu()
  const own = process.cpuUsage()
  const begin = performance.now()
  await submit(client, atOnce, count)
  const rate = count / ((performance.now() - begin) / 1_000)
  const { user, system } = process.cpuUsage(own)
  return {
    cpu: (user + system + (await client.cpu()) - others) / count,
    own: (user + system) / count,
    rate,
  }
}

/** @returns ms: the median time of a request when there is no other */
async function measureOne(client, count) {
  const times = []
  while (times.length < count) {
    const begin = performance.now()
    await submit(client, 1, 1)
    times.push(performance.now() - begin)
  }
  return times.sort((a, b) => a - b)[count >> 1]
}

/** So many are under way, until so many have been answered. */
async function submit(client, atOnce, count) {
  let left = count
  const work = async () => {
    while (left-- > 0) if ((await client.submit()).id !== 7) throw new Error('not the answer')
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

export const columns = {
  cpu512: { title: 'CPU µs, 512 at once', best: 'min', digits: 0 },
  own512: { title: 'of the submitter', best: 'min', digits: 0 },
  rate512: { title: 'requests/s', best: 'max', digits: 0 },
  cpu64: { title: 'CPU µs, 64 at once', best: 'min', digits: 0 },
  rate64: { title: 'requests/s', best: 'max', digits: 0 },
  one: { title: 'ms, one at a time', best: 'min', digits: 2 },
}
