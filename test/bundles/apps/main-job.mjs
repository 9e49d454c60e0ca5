// A small app: the main job, a stream and a cancel, in process, then (`threads`) in a worker thread.
import http from 'node:http'
import { CancelledError, FuturesSession, WorkerThreadExecutor } from 'undici-futures'

async function main() {
  const server = http.createServer((request, response) => {
    if (request.url === '/never') return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ url: request.url }))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${server.address().port}`
  try {
    await use('in process', base, {})
    if (process.argv.includes('threads')) {
      const executor = new WorkerThreadExecutor({ threads: 1 })
      await use('in a thread', base, { executor })
      await executor.shutdown()
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function use(where, base, options) {
  const session = new FuturesSession(options)
  try {
    const futures = ['/a', '/b'].map((path) => session.get(base + path))
    const urls = []
    for (const future of futures) urls.push((await future.json()).url)
    if (options.executor === undefined) urls.push(await streamed(session, `${base}/streamed`))
    const never = session.get(`${base}/never`)
    never.cancel('enough')
    const error = await never.result().catch((reason) => reason)
    console.log(`${where}: ${urls.join(' ')}, cancelled: ${error instanceof CancelledError}`)
  } finally {
    await session.close({ cancel: true })
  }
}

async function streamed(session, url) {
  const response = await session.get(url, { stream: true }).result()
  let text = ''
  for await (const line of response.iterLines()) text += line
  return JSON.parse(text).url
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
