import PQueue from 'p-queue'
import { Agent, request } from 'undici'
import { countBytes } from '../count-bytes.mjs'

export function open({ url, concurrency }) {
  const dispatcher = new Agent()
  const queue = new PQueue({ concurrency })
  const get = async () => (await request(url, { dispatcher })).body.json()
  return {
    submit: () => queue.add(get),
    read: async () => countBytes((await request(url, { dispatcher })).body),
    close: () => dispatcher.close(),
  }
}
