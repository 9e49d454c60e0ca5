// What runs on each machine of a fleet.
import { startWorker } from 'undici-futures/bullmq'

const worker = await startWorker({ connection: JSON.parse(process.argv[2]) })
process.once('SIGTERM', () => worker.close().then(() => process.disconnect?.()))
process.send?.('ready')
