// Bodies of 64 KiB, eight at a time, parsed: there the reading and the parsing weigh more than the asking.
import { keepSlices, turnTakers } from '../slices.mjs'

export { columns } from '../slices.mjs'

export const title = '64 KiB of JSON, 8 at a time'
export const contenders = ['raw-dispatch', ...turnTakers]
export const inTurns = true
export const rounds = { full: 40, quick: 8 }

export async function keep({ open, url, isQuick }) {
  return keepSlices({
    client: await open({ url: `${url}64k.json`, concurrency: 8 }),
    warm: isQuick ? 200 : 1_000,
    size: 120,
    batch: 60,
    check: ({ length }) => {
      if (!(length > 100)) throw new Error('not the answer')
    },
  })
}

export const figures = { cpu: '64 KiB of JSON, 8 at a time: CPU µs' }
