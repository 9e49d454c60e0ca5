/** Each is eight times the one before. */
const sizes = [4 * 1024, 32 * 1024, 256 * 1024]
/** Milliseconds that say nothing. */
const noise = 4
/** Linear is 8, and what comes with larger texts (memory, caches) doubles or trebles it; quadratic is 64. */
const tolerable = 36

/** Milliseconds of this process, all its threads: what else the machine does has no part in it. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function shortest(tries: number, run: () => unknown): number {
  let best = Infinity
  for (let count = 0; count < tries && best > noise; count++) {
    const start = cpuTime()
    run()
    best = Math.min(best, cpuTime() - start)
  }
  return best
}

/**
 * How the time of a parser grows with the size of what it is given. This is about complexity: no time is too long.
 *
 * @param make a text of about so many characters
 * @returns what is wrong; `undefined` if it is linear, or nearly so
 */
export function superlinear(parse: (text: string) => unknown, make: (size: number) => string): string | undefined {
  let before = Infinity
  for (const size of sizes) {
    const text = make(size)
    const tooLong = tolerable * Math.max(before, noise / 8)
    let time = shortest(1, () => parse(text))
    // Memory may have been cleaned up meanwhile, or code compiled: it has to be so each time.
    if (time > tooLong) time = shortest(5, () => parse(text))
    if (time > tooLong && quadruplesBy(parse, make, size, time) > 8)
      return `${size} characters: ${time.toFixed(1)} ms, an eighth of them: ${before.toFixed(2)} ms`
    before = time
  }
  return undefined
}

/** A step (memory that comes in larger pieces) is passed once; what is quadratic takes sixteen times as long, not four times. */
function quadruplesBy(
  parse: (text: string) => unknown,
  make: (size: number) => string,
  size: number,
  time: number,
): number {
  const text = make(4 * size)
  return shortest(3, () => parse(text)) / time
}
