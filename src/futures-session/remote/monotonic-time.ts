/** Milliseconds on a clock that all threads of a process share, and that nobody sets: `performance.now()` starts with its thread. */
export function monotonicTime(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
