import http from 'node:http'
import got from 'got'
import PQueue from 'p-queue'
import { countBytes } from '../count-bytes.mjs'

export function open({ url, concurrency }) {
  const agent = new http.Agent({ keepAlive: true })
  const client = got.extend({ agent: { http: agent } })
  const queue = new PQueue({ concurrency })
  return {
    submit: () => queue.add(() => client(url).json()),
    read: () => countBytes(client.stream(url)),
    close: () => agent.destroy(),
  }
}
