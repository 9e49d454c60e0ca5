import { expect, test } from 'vitest'
import { judge, type Sample } from './judge.ts'

const allowance = { threads: 1, sockets: 64 }
const still: Sample = {
  ...{ minutes: 0, rss: 120, heap: 14, external: 4, arrayBuffers: 1, threadHeap: 12 },
  ...{ handles: 0, listeners: 0, threads: 1, sockets: 64 },
}

/** Ten minutes, each with what `change` makes of it. */
function samples(change: (minute: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 10 }, (_, minute) => ({ ...still, minutes: minute + 1, ...change(minute) }))
}

test('judge() finds nothing where nothing grows', () => {
  expect(
    judge(
      samples(() => ({})),
      allowance,
    ),
  ).toEqual([])
})

test('judge() lets memory go up and down', () => {
  const wave = (minute: number): number => 3 * Math.sin(minute)
  expect(
    judge(
      samples((minute) => ({ heap: 14 + wave(minute), rss: 120 + 9 * wave(minute) })),
      allowance,
    ),
  ).toEqual([])
})

test('judge() takes no notice of the first minute, nor of one that is odd', () => {
  expect(
    judge(
      samples((minute) => ({ heap: minute === 0 ? 5 : 14, rss: minute === 0 ? 50 : 120 })),
      allowance,
    ),
  ).toEqual([])
  expect(
    judge(
      samples((minute) => ({ heap: minute === 8 ? 90 : 14 })),
      allowance,
    ),
  ).toEqual([])
})

test.each(['heap', 'external', 'arrayBuffers', 'threadHeap'] as const)(
  'judge() finds a MiB more of %s each minute',
  (name) => {
    const verdicts = judge(
      samples((minute) => ({ [name]: still[name] + minute })),
      allowance,
    )
    expect(verdicts).toHaveLength(1)
    expect(verdicts[0]).toMatch(new RegExp(`^${name} grew from `))
  },
)

test('judge() finds resident memory that grows by a twelfth each minute', () => {
  const [verdict, ...others] = judge(
    samples((minute) => ({ rss: 120 + 10 * minute })),
    allowance,
  )
  expect(verdict).toBe('rss grew from 140 to 200 MiB, more than 186.0')
  expect(others).toEqual([])
})

test.each([
  ['handles', 1],
  ['listeners', 1],
  ['threads', 2],
  ['sockets', 65],
] as const)('judge() allows no %s beyond what may be left, not even once', (name, count) => {
  const verdicts = judge(
    samples((minute) => (minute === 6 ? { [name]: count } : {})),
    allowance,
  )
  const most = { handles: 0, listeners: 0, ...allowance }[name]
  expect(verdicts).toEqual([`${count} ${name} after 7.0 minutes, at most ${most} may be left`])
})

test('judge() does not judge what it has hardly seen', () => {
  expect(judge(samples(() => ({})).slice(0, 6), allowance)).toEqual(['6 samples are too few: 7 are needed'])
})
