// Ours over TLS, without a word of HTTP/2.
import { FuturesSession } from 'undici-futures'

export function open({ url, ca, concurrency }) {
  const session = new FuturesSession({ verify: ca, maxWorkers: concurrency })
  return {
    submit: () => session.get(url).json(),
    close: () => session.close(),
  }
}
