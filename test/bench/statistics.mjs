// From the rounds of a scenario to its figures and its bars. A round holds what each contender has reached in it.

/** How a column says which of its values counts. Of many short slices the very least would be luck. */
const choose = {
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  p10: (values) => quantile(values, 0.1),
  p90: (values) => quantile(values, 0.9),
}

/** Each contender's best value of each column. */
export function bestOf({ columns }, rounds) {
  const contenders = Object.keys(rounds[0])
  return Object.fromEntries(
    contenders.map((contender) => [
      contender,
      Object.fromEntries(
        Object.entries(columns).map(([column, { best }]) => [
          column,
          choose[best](rounds.map((round) => round[contender][column])),
        ]),
      ),
    ]),
  )
}

/**
 * What a bar comes to, twice. `value` is the ratio of the best values: what the machine does besides only adds, so the
 * least of many rounds is nearest to what the work itself costs; the bar judges by it. `paired` is the median of the
 * ratios within each round, whose measurements follow each other closely: if the two differ much, the machine was busy.
 * A bar without `to` is on the value itself.
 */
export function judge(bar, results, rounds) {
  const { of, to, column, atMost = Infinity, atLeast = -Infinity } = bar
  const ratio = (values) => (to === undefined ? values[of][column] : values[of][column] / values[to][column])
  const value = ratio(results)
  return { ...bar, value, paired: median(rounds.map(ratio)), isReached: value <= atMost && value >= atLeast }
}

export function median(values) {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function quantile(values, part) {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.round((sorted.length - 1) * part)]
}
