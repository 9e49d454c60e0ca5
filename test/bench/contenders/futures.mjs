// Ours: a full session, with its defaults.
import { FuturesSession } from 'undici-futures'
import { countBytes } from '../count-bytes.mjs'

export function open({ url, concurrency, hooks }) {
  const session = new FuturesSession({ maxWorkers: concurrency, hooks })
  return {
    submit: () => session.get(url).json(),
    close: () => session.close(),
    get: () => session.get(url).result(),
    async read() {
      const response = await session.get(url, { stream: true }).result()
      return countBytes(response.iterContent())
    },
  }
}
