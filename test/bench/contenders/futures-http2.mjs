// Ours, where HTTP/2 is asked for.
import { FuturesSession } from 'undici-futures'

export function open({ url, ca, concurrency }) {
  const session = new FuturesSession({ http2: true, verify: ca, maxWorkers: concurrency })
  return {
    submit: () => session.get(url).json(),
    close: () => session.close(),
  }
}
