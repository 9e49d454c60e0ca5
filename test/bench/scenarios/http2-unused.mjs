// HTTP/1.1 over TLS, with the option and without it, and, where `UNDICI_FUTURES_BEFORE` names the `dist/index.js` of another
// version, that one: what nobody uses costs nothing.
import { measureBatches } from '../batches.mjs'

export { columns } from '../batches.mjs'

export const title = 'Small JSON over HTTP/1.1 and TLS, 8 at a time'
const { UNDICI_FUTURES_BEFORE } = process.env
export const contenders = [
  'futures-tls',
  'futures-http2',
  ...(UNDICI_FUTURES_BEFORE === undefined ? [] : ['futures-before']),
]
export const rounds = { full: 7, quick: 2 }

export async function measure({ open, oldSecureUrl, ca, isQuick }) {
  return measureBatches({
    client: await open({ url: `${oldSecureUrl}64.json`, ca, concurrency: 8 }),
    warm: isQuick ? 3_000 : 10_000,
    slices: isQuick ? 2 : 5,
    size: isQuick ? 2_000 : 4_000,
    batch: 1_000,
    check: ({ id }) => {
      if (id !== 7) throw new Error('not the answer')
    },
  })
}
