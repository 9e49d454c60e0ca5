// Ours in two worker threads, with as many requests at once as two workers of a fleet have.
import { open as openThreads } from './threads.mjs'

export async function open({ url }) {
  const { submit, close } = openThreads({ url, concurrency: 128, threads: 2 })
  return { submit, close, cpu: async () => 0 }
}
