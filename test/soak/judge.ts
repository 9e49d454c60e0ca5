/** What a soak has measured at one time, everything at rest: no request is under way, and the garbage is collected. */
export interface Sample {
  readonly minutes: number
  /** MiB; of all threads together, but for `heap`, `external` and `arrayBuffers`, which are the main thread's. */
  readonly rss: number
  readonly heap: number
  readonly external: number
  readonly arrayBuffers: number
  /** MiB in the worker thread; 0 without one. */
  readonly threadHeap: number
  /** What keeps the process alive that did not before the load. */
  readonly handles: number
  /** On the signal that all requests share, and on `process` beyond those before the load. */
  readonly listeners: number
  readonly threads: number
  /** Connections that the server still has. */
  readonly sockets: number
}

/** What may be left when all is at rest: idle connections and idle threads. */
export interface Allowance {
  readonly threads: number
  readonly sockets: number
}

/** How much more the last third of a run may have than the first: a share of it, and so many MiB. */
const tolerances = {
  // Of rss a part is what the allocator has not given back, which comes and goes.
  rss: { share: 0.1, plus: 32 },
  heap: { share: 0.05, plus: 4 },
  external: { share: 0.05, plus: 4 },
  arrayBuffers: { share: 0.05, plus: 4 },
  threadHeap: { share: 0.05, plus: 4 },
} as const

/** Fewer don't make thirds. */
export const fewestSamples = 7

/**
 * What grows, in words; nothing if nothing does. The first sample is warm-up: code is compiled, connections and threads are
 * made. Of the others the median of the last third is held against that of the first, so that one odd sample is no verdict;
 * what is counted has to be back where it was each time.
 */
export function judge(samples: readonly Sample[], allowance: Allowance): string[] {
  if (samples.length < fewestSamples) return [`${samples.length} samples are too few: ${fewestSamples} are needed`]
  const warm = samples.slice(1)
  const third = Math.floor(warm.length / 3)
  const verdicts: string[] = []
  for (const [name, { share, plus }] of Object.entries(tolerances) as [keyof typeof tolerances, Tolerance][]) {
    const first = median(warm.slice(0, third).map((sample) => sample[name]))
    const last = median(warm.slice(-third).map((sample) => sample[name]))
    const most = first * (1 + share) + plus
    if (last > most) verdicts.push(`${name} grew from ${first} to ${last} MiB, more than ${most.toFixed(1)}`)
  }
  const most = { handles: 0, listeners: 0, ...allowance }
  for (const name of ['handles', 'listeners', 'threads', 'sockets'] as const) {
    const over = samples.find((sample) => sample[name] > most[name])
    if (over !== undefined) {
      verdicts.push(`${over[name]} ${name} after ${over.minutes.toFixed(1)} minutes, at most ${most[name]} may be left`)
    }
  }
  return verdicts
}

interface Tolerance {
  readonly share: number
  readonly plus: number
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
