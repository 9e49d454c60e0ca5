// Bodies of 64 KiB, eight at a time, parsed: there the reading and the parsing weigh more than the asking.
import { measureBatches } from '../batches.mjs'
import { pythonPeers } from '../python.mjs'

export { columns } from '../batches.mjs'

export const title = '64 KiB of JSON, 8 at a time'
export const contenders = [
  'futures',
  'raw-dispatch',
  'undici-request',
  'undici-fetch',
  'got',
  'axios',
  'ky',
  ...pythonPeers,
]
export const rounds = { full: 3, quick: 1 }

export async function measure({ open, url, isQuick }) {
  return measureBatches({
    client: await open({ url: `${url}64k.json`, concurrency: 8 }),
    warm: isQuick ? 200 : 1_000,
    slices: isQuick ? 2 : 5,
    size: isQuick ? 200 : 400,
    batch: 100,
    check: ({ length }) => {
      if (!(length > 100)) throw new Error('not the answer')
    },
  })
}

export const figures = { cpu: '64 KiB of JSON, 8 at a time: CPU µs' }
export const bars = []
