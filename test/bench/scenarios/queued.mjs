// 100 000 requests that wait: what each holds of the heap, how fast they are submitted, and how fast all are let go.
import { FuturesSession, InProcessExecutor } from 'undici-futures'

export const title = '100 000 queued requests'
export const contenders = ['futures']
export const rounds = { full: 3, quick: 1 }

export async function measure({ url }) {
  const count = 100_000
  const executor = new InProcessExecutor()
  executor.pause()
  const session = new FuturesSession({ executor })
  session.get(url).cancel()
  const futures = new Array(count)
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  const begin = performance.now()
  for (let index = 0; index < count; index++) futures[index] = session.get(`${url}${index}`)
  const submitted = performance.now()
  globalThis.gc()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  const disposing = performance.now()
  session[Symbol.dispose]()
  const disposed = performance.now()
  if (!futures.every((future) => future.cancelled())) throw new Error('a future is not settled')
  return { bytes, submit: ((submitted - begin) * 1_000) / count, dispose: disposed - disposing }
}

export const columns = {
  bytes: { title: 'bytes each', best: 'min', digits: 0 },
  submit: { title: 'submit µs', best: 'min', digits: 2 },
  dispose: { title: 'dispose all ms', best: 'min', digits: 0 },
}

export const sentence = ({ futures: { bytes, dispose } }) =>
  `Of 100 000 queued requests each holds ${bytes.toFixed(0)} bytes, and disposing of them all takes ${dispose.toFixed(0)} ms.`
