// Ours on a fleet of two worker processes, with its defaults.
import { FuturesSession } from 'undici-futures'
import { BullMQExecutor } from 'undici-futures/bullmq'
import { startFleet } from '../fleet/processes.mjs'

export async function open({ url, secret }) {
  const { connection, workers, cpu, close } = await startFleet('fleet', { secret })
  const executor = new BullMQExecutor({ connection, secret })
  const session = new FuturesSession({ executor })
  return {
    session,
    workers,
    url,
    submit: () => session.get(url).json(),
    cpu,
    async close() {
      await session.close()
      await executor.shutdown({ cancelPending: true })
      await close()
    },
  }
}
