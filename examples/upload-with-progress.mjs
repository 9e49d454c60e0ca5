// A multipart upload from a stream, with its progress.
import { Readable } from 'node:stream'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession()
const chunk = Buffer.alloc(64 * 1024, 'x')
const steps = []

const future = session.post(`${url}/echo`, {
  data: { title: 'a large file' },
  files: { file: ['large.txt', Readable.from(Array(16).fill(chunk)), 'text/plain'] },
  onUploadProgress: ({ transferredBytes }) => steps.push(transferredBytes),
})
const { headers, content } = await future.json()

console.log('type:', headers['content-type'].split(';')[0])
console.log('received at least a MiB:', content.length >= 2 ** 20)
console.log('progress was told more than once:', steps.length > 1)
