// An initializer runs in each thread before its first task: for what is expensive to set up, or can't be cloned.
import { FuturesSession, taskReference, WorkerThreadExecutor } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const module = new URL('./tasks/dictionary.mjs', import.meta.url)
const executor = new WorkerThreadExecutor({ initializer: taskReference(module, 'load', 'apple', 'quince') })

console.log('a task uses it:', await executor.submit(taskReference(module, 'has', 'apple')).result())

const session = new FuturesSession({ executor, hooks: { response: taskReference(module, 'spell') } })
console.log('and so does a hook:', (await session.get(`${url}/json`).result()).data)

// One that fails breaks its executor: nothing is left waiting.
const broken = new WorkerThreadExecutor({ initializer: taskReference(module, 'nowhere') })
const error = await broken.submit(taskReference(module, 'has', 'apple')).exception()
console.log(error.name, 'because of a', error.cause.name)
await executor.shutdown()
