// Ours with what this request does not use: retries, and a jar that another origin has filled.
import { FuturesSession } from 'undici-futures'

export function open({ url, concurrency }) {
  const session = new FuturesSession({ maxWorkers: concurrency, retry: 3 })
  session.cookies.setCookieSync('session=1; Path=/', 'https://elsewhere.example/')
  return {
    submit: () => session.get(url).json(),
    close: () => session.close(),
  }
}
