// node:http2 as it is: one session, a stream for each request, and no queue but a list of those that wait.
import { once } from 'node:events'
import http2 from 'node:http2'

export async function open({ url, ca, concurrency }) {
  const { origin, pathname } = new URL(url)
  const session = http2.connect(origin, { ca })
  await once(session, 'connect')
  const headers = {
    ':method': 'GET',
    ':path': pathname,
    'user-agent': 'bench',
    accept: '*/*',
    'accept-encoding': 'gzip',
  }
  const waiting = []
  let running = 0
  const start = (resolve, reject) => {
    running++
    const stream = session.request(headers)
    const chunks = []
    stream.on('data', (chunk) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('end', () => {
      running--
      waiting.shift()?.()
      resolve(JSON.parse(Buffer.concat(chunks).toString()))
    })
  }
  return {
    submit: () =>
      new Promise((resolve, reject) => {
        if (running < concurrency) start(resolve, reject)
        else waiting.push(() => start(resolve, reject))
      }),
    close: () => session.close(),
  }
}
