// Small JSON bodies, eight at a time, parsed: what a request costs.
import { pythonPeers } from '../python.mjs'
import { control, keepSlices } from '../slices.mjs'

export { columns } from '../slices.mjs'

export const title = 'Small JSON, 8 at a time'
export const contenders = [
  'futures',
  'futures-twin',
  'futures-configured',
  'raw-dispatch',
  'undici-request',
  'undici-fetch',
  'got',
  'axios',
  'ky',
  ...pythonPeers,
]
export const inTurns = true
export const rounds = { full: 70, quick: 10 }

export async function keep({ open, url, isQuick }) {
  return keepSlices({
    client: await open({ url, concurrency: 8 }),
    warm: isQuick ? 3_000 : 10_000,
    size: 600,
    batch: 600,
    check: ({ id }) => {
      if (id !== 7) throw new Error('not the answer')
    },
  })
}

export const figures = { cpu: 'small JSON, 8 at a time: CPU µs', rate: 'requests per second' }

/** The bars of issues 2 and 16, on CPU per request; issue 3: they hold with a jar and retries that are not used. */
export const bars = [
  control,
  { of: 'futures', to: 'undici-request', column: 'cpu', atMost: 0.85 },
  { of: 'futures', to: 'raw-dispatch', column: 'cpu', atMost: 1.18 },
  { of: 'futures', to: 'undici-fetch', column: 'cpu', atMost: 0.25 },
  { of: 'futures', to: 'got', column: 'cpu', atMost: 0.16 },
  { of: 'futures', to: 'axios', column: 'cpu', atMost: 0.16 },
  { of: 'futures', to: 'ky', column: 'cpu', atMost: 0.16 },
  { of: 'futures-configured', to: 'undici-request', column: 'cpu', atMost: 0.9 },
  { of: 'futures-configured', to: 'raw-dispatch', column: 'cpu', atMost: 1.25 },
]
