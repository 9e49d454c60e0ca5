// Small JSON bodies, eight at a time, parsed: what a request costs.
import { measureBatches } from '../batches.mjs'
import { pythonPeers } from '../python.mjs'

export { columns } from '../batches.mjs'

export const title = 'Small JSON, 8 at a time'
export const contenders = [
  'futures',
  'futures-configured',
  'raw-dispatch',
  'undici-request',
  'undici-fetch',
  'got',
  'axios',
  'ky',
  ...pythonPeers,
]
export const rounds = { full: 7, quick: 2 }

export async function measure({ open, url, isQuick }) {
  return measureBatches({
    client: await open({ url, concurrency: 8 }),
    warm: isQuick ? 3_000 : 10_000,
    slices: isQuick ? 2 : 5,
    size: isQuick ? 2_000 : 4_000,
    batch: 1_000,
    check: ({ id }) => {
      if (id !== 7) throw new Error('not the answer')
    },
  })
}

export const figures = { cpu: 'small JSON, 8 at a time: CPU µs', rate: 'requests per second' }

/** The bars of issue 2, on CPU per request; issue 3: they hold with a jar and retries that are not used. */
export const bars = [
  { of: 'futures', to: 'undici-request', column: 'cpu', atMost: 0.9 },
  { of: 'futures', to: 'raw-dispatch', column: 'cpu', atMost: 1.25 },
  { of: 'futures', to: 'undici-fetch', column: 'cpu', atMost: 0.25 },
  { of: 'futures', to: 'got', column: 'cpu', atMost: 0.16 },
  { of: 'futures', to: 'axios', column: 'cpu', atMost: 0.16 },
  { of: 'futures', to: 'ky', column: 'cpu', atMost: 0.16 },
  { of: 'futures-configured', to: 'undici-request', column: 'cpu', atMost: 0.9 },
  { of: 'futures-configured', to: 'raw-dispatch', column: 'cpu', atMost: 1.25 },
]
