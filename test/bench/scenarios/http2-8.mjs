// Small JSON bodies over HTTP/2 and TLS, eight at a time: what a request costs.
import { measureBatches } from '../batches.mjs'

export { columns } from '../batches.mjs'

export const title = 'Small JSON over HTTP/2, 8 at a time'
export const contenders = ['futures-http2', 'node-http2', 'got-http2', 'futures-tls']
export const rounds = { full: 5, quick: 2 }

export async function measure({ open, secureUrl, ca, isQuick }, concurrency = 8) {
  return measureBatches({
    client: await open({ url: `${secureUrl}64.json`, ca, concurrency }),
    warm: isQuick ? 3_000 : 10_000,
    slices: isQuick ? 2 : 5,
    size: isQuick ? 2_000 : 4_000,
    batch: 1_000,
    check: ({ id }) => {
      if (id !== 7) throw new Error('not the answer')
    },
  })
}
