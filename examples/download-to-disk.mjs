// A large body goes to disk as it comes: with `stream` the future is done at the headers, and a slow disk slows the server.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession()
const folder = await mkdtemp(path.join(tmpdir(), 'download-'))
const file = path.join(folder, 'large')

const response = await session.get(`${url}/bytes/5000000`, { stream: true }).result()
console.log('announced:', response.headers.get('content-length'))
await pipeline(response.body, createWriteStream(file))
console.log('on disk:', (await stat(file)).size)

await rm(folder, { recursive: true })
