// What requests cost, in a process of its own: many of them, submitted in batches, so that each contender has a queue to
// manage. The work is cut into slices and the best of them counts: what else the machine does hits some of them only.
import { cpuUsage } from 'node:process'

/**
 * @param warm how many requests first, until it is connected and compiled (a forced collection here would undo that)
 * @param check throws if an answer is not the right one
 * @returns CPU microseconds for each request, and requests in a second
 */
export async function measureBatches({ client, warm, slices, size, batch, check }) {
  await submit(client, warm, batch, check)
  const costs = []
  const rates = []
  for (let slice = 0; slice < slices; slice++) {
    const cpu = cpuUsage()
    const begin = performance.now()
    await submit(client, size, batch, check)
    rates.push(size / ((performance.now() - begin) / 1_000))
    const { user, system } = cpuUsage(cpu)
    costs.push((user + system) / size)
  }
  await client.close()
  return { cpu: Math.min(...costs), rate: Math.max(...rates) }
}

/** Submits so many requests, a batch at a time, and checks the answers. */
export async function submit(client, count, batch, check) {
  for (let done = 0; done < count; done += batch) {
    const answers = Array.from({ length: batch }, client.submit)
    for (const answer of answers) check(await answer)
  }
}

export const columns = {
  cpu: { title: 'CPU µs/request', best: 'min', digits: 1 },
  rate: { title: 'requests/s', best: 'max', digits: 0 },
}
