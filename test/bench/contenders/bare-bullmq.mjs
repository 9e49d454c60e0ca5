// BullMQ by itself, as its documentation has it: a job for each request, whose outcome is waited for.
import { Queue, QueueEvents } from 'bullmq'
import { startFleet } from '../fleet/processes.mjs'

export async function open({ url }) {
  const { connection, cpu, close } = await startFleet('bare')
  const queue = new Queue('bare', { connection })
  // From the first event on: by default what comes between its first two looks is missed, and waited for for ever.
  const events = new QueueEvents('bare', { connection, lastEventId: '0-0' })
  for (const each of [queue, events]) each.setMaxListeners(0)
  await events.waitUntilReady()
  // Removed at once, they would be missed by whoever begins to wait a moment later.
  const options = { removeOnComplete: { count: 1_000 }, removeOnFail: true }
  return {
    async submit() {
      const job = await queue.add('get', { url }, options)
      return JSON.parse(await job.waitUntilFinished(events))
    },
    cpu,
    async close() {
      await events.close()
      await queue.close()
      await close()
    },
  }
}
