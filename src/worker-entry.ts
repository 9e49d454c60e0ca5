/** What the threads of a WorkerThreadExecutor run: a build entry with all that they need of this package. */
import { runThread } from './executor/worker-thread/thread-runtime.ts'

// Imported with the first request, so that tasks alone don't pay for it. A literal import, so that bundlers follow it.
runThread({ 'remote-request': () => import('./futures-session/remote/remote-request.ts') })
