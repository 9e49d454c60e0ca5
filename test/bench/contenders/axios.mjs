import http from 'node:http'
import axios from 'axios'
import PQueue from 'p-queue'
import { countBytes } from '../count-bytes.mjs'

export function open({ url, concurrency }) {
  const httpAgent = new http.Agent({ keepAlive: true })
  const client = axios.create({ httpAgent })
  const queue = new PQueue({ concurrency })
  const get = async () => (await client.get(url)).data
  return {
    submit: () => queue.add(get),
    read: async () => countBytes((await client.get(url, { responseType: 'stream' })).data),
    close: () => httpAgent.destroy(),
  }
}
