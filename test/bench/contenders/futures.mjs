// Ours: a full session, with its defaults.
import { FuturesSession } from 'undici-futures'

export function open({ url, concurrency }) {
  const session = new FuturesSession({ maxWorkers: concurrency })
  return {
    submit: () => session.get(url).json(),
    close: () => session.close(),
  }
}
