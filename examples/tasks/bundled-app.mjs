// For bundling.mjs: asks for what it is told to, and has it read in a thread.
import { FuturesSession, taskReference, WorkerThreadExecutor } from 'undici-futures'

const executor = new WorkerThreadExecutor({ threads: 1 })
const tasks = new URL('./summarize.js', import.meta.url) // its name in the bundle
const session = new FuturesSession({ executor, hooks: { response: taskReference(tasks, 'summarize') } })
const { data } = await session.get(process.argv[2]).result()
console.log(data.rows, 'rows')
await session.close()
await executor.shutdown()
