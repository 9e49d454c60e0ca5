import PQueue from 'p-queue'
import { Agent, fetch } from 'undici'
import { countBytes } from '../count-bytes.mjs'

export function open({ url, concurrency }) {
  const dispatcher = new Agent()
  const queue = new PQueue({ concurrency })
  const get = async () => (await fetch(url, { dispatcher })).json()
  return {
    submit: () => queue.add(get),
    read: async () => countBytes((await fetch(url, { dispatcher })).body),
    close: () => dispatcher.close(),
  }
}
