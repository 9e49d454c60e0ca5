import { mock } from 'node:test'
import { setImmediate as ownSetImmediate } from 'node:timers'
import { vi } from 'vitest'

/** Fake timers of one kind, from `enable` to `disable`. */
export interface FakeTime {
  readonly name: string
  enable(): void
  tick(milliseconds: number): void
  disable(): void
}

type Fakes = NonNullable<NonNullable<Parameters<typeof vi.useFakeTimers>[0]>['toFake']>

const ofNode = (name: string, apis?: Parameters<typeof mock.timers.enable>[0]): FakeTime => ({
  name: `node:test, ${name}`,
  enable: () => mock.timers.enable(apis),
  tick: (milliseconds) => mock.timers.tick(milliseconds),
  disable: () => mock.timers.reset(),
})

const ofVitest = (name: string, toFake?: Fakes): FakeTime => ({
  name: `vitest, ${name}`,
  enable: () => void vi.useFakeTimers(toFake === undefined ? {} : { toFake }),
  tick: (milliseconds) => void vi.advanceTimersByTime(milliseconds),
  disable: () => void vi.useRealTimers(),
})

/** For whoever needs one, and does not mind which: what is timed here stands still until it is told. */
export const fakeTime = ofVitest('setTimeout and performance', ['setTimeout', 'clearTimeout', 'performance'])

/** What test runners put in the place of Node's timers: some of them, more or less of them, never time itself or time, too. */
export const fakeTimes: readonly FakeTime[] = [
  ofNode('all'),
  ofNode('setTimeout only', { apis: ['setTimeout'] }),
  ofNode('setTimeout and Date, long ago', { apis: ['setTimeout', 'Date'], now: 0 }),
  ofVitest('as by default'),
  ofVitest('setTimeout only', ['setTimeout', 'clearTimeout']),
  ofVitest('setTimeout, not clearTimeout', ['setTimeout']),
  fakeTime,
  ofVitest('setTimeout, Date and hrtime', ['setTimeout', 'clearTimeout', 'Date', 'hrtime']),
]

/** A turn of the event loop, whatever is faked. */
export const realTurn = (): Promise<void> => new Promise((resolve) => void ownSetImmediate(resolve))

/** Waits for what needs real time, turn by turn; faked immediates and timers without a delay run, too. */
export async function realUntil(time: FakeTime, condition: () => boolean): Promise<void> {
  while (!condition()) {
    time.tick(0)
    await realTurn()
  }
}
