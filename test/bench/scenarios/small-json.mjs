// Small JSON bodies, eight at a time, parsed: what a request costs.
import { keepSlices, turnTakers } from '../slices.mjs'

export { columns } from '../slices.mjs'

export const title = 'Small JSON, 8 at a time'
export const contenders = ['futures-configured', 'raw-dispatch', ...turnTakers]
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
