// A worker process: `worker.mjs <fleet | bare> <options as JSON>`. It says what CPU it has used when it is asked.
import { startWorker } from 'undici-futures/bullmq'
import { Worker } from 'bullmq'
import { request } from 'undici'

const [kind, options] = process.argv.slice(2)
const { connection, secret } = JSON.parse(options)
if (kind === 'fleet') await startWorker({ connection, secret })
else await startBare()
process.on('disconnect', () => process.exit())
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send(user + system)
})
process.send('ready')

/** As the documentation of BullMQ has it. */
async function startBare() {
  const work = async ({ data }) => (await request(data.url)).body.text()
  await new Worker('bare', work, { connection, concurrency: 64 }).waitUntilReady()
}
