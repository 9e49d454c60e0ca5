/** What a worker thread of WorkerThreadExecutor runs: a build entry of its own, and all that threads need of this package. */
import { runThread } from './executor/worker-thread/thread-runtime.ts'

// Imported when the first request comes: tasks alone don't pay for it. Written out, so that bundlers follow.
runThread({ 'remote-request': () => import('./futures-session/remote/remote-request.ts') })
