// A download that goes on where it broke off, by `Range`, and whose checksum is looked at in the end.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FuturesSession, RequestError } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ baseUrl: url, raiseForStatus: true, stream: true })
const folder = await mkdtemp(path.join(tmpdir(), 'download-'))
const file = path.join(folder, 'file')

async function download(from, attempts = 5) {
  let etag
  for (let attempt = 1; ; attempt++) {
    const { size } = etag === undefined ? { size: 0 } : await stat(file)
    // `identity`: a range counts the bytes of what is sent, and gzip would be other ones.
    const headers = { 'Accept-Encoding': 'identity', ...(size > 0 && { Range: `bytes=${size}-`, 'If-Range': etag }) }
    try {
      const response = await session.get(from, { headers }).result()
      etag = response.headers.get('etag')
      // 206 is the rest. 200 is all of it: there was nothing yet, or the file is another one by now.
      await pipeline(response.body, createWriteStream(file, { flags: response.status === 206 ? 'a' : 'w' }))
      return response.headers.get('repr-digest')
    } catch (error) {
      if (!(error instanceof RequestError) || etag === undefined || attempt === attempts) throw error
      console.log(`${error.name} at ${(await stat(file)).size} bytes, again`)
    }
  }
}

const promised = await download('file')
const hash = createHash('sha256')
await pipeline(createReadStream(file), hash)
console.log('as promised:', promised === `sha-256=:${hash.digest('base64')}:`, (await stat(file)).size)
await rm(folder, { recursive: true })
