// Another version of ours over TLS, for comparison: `UNDICI_FUTURES_BEFORE` is the path of its `dist/index.js`.
import { pathToFileURL } from 'node:url'

export async function open({ url, ca, concurrency }) {
  const { FuturesSession } = await import(pathToFileURL(process.env.UNDICI_FUTURES_BEFORE))
  const session = new FuturesSession({ verify: ca, maxWorkers: concurrency })
  return {
    submit: () => session.get(url).json(),
    close: () => session.close(),
  }
}
