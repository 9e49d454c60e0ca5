import { monotonicTime } from '../../deadline.ts'

// As it is: fake timers put their own in its place, in one thread and not in the other.
const { hrtime } = process

/**
 * A moment of `monotonicTime()`, as it crosses between threads: each of their clocks starts with its thread. Milliseconds on
 * a clock that all threads of a process share, and that nobody sets.
 */
export function toSharedTime(time: number): number {
  return sharedNow() - (monotonicTime() - time)
}

export function fromSharedTime(time: number): number {
  return monotonicTime() - (sharedNow() - time)
}

function sharedNow(): number {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
