interface Position {
  readonly line: number
  readonly column: number
}

interface Range {
  readonly start: Position
  readonly end: Position
}

/** The part of Istanbul's data that is needed here: what there is in a file, and how often it ran. */
export interface FileCoverage {
  readonly statementMap: Readonly<Record<string, Range>>
  readonly fnMap: Readonly<Record<string, { readonly loc: Range }>>
  readonly branchMap: Readonly<Record<string, { readonly loc: Range; readonly type: string }>>
  readonly s: Record<string, number>
  readonly f: Record<string, number>
  readonly b: Record<string, number[]>
}

export interface CoverageMap {
  files(): string[]
  fileCoverageFor(file: string): FileCoverage
}

/**
 * Adds to `target` what ran of the same files in `other`. They come from two builds of one source: Istanbul's own merge
 * would list twice whatever two source maps see end at different columns, and would ask that both be covered. Where things
 * start they agree; what `target` does not know counts for nothing.
 */
export function addHits(target: CoverageMap, other: CoverageMap): void {
  const files = new Set(other.files())
  for (const file of target.files()) {
    if (files.has(file)) addFileHits(target.fileCoverageFor(file), other.fileCoverageFor(file))
  }
}

function addFileHits(target: FileCoverage, other: FileCoverage): void {
  const statementOf = finder(target.statementMap, (range) => place(range))
  for (const [id, range] of Object.entries(other.statementMap)) {
    const same = statementOf(range)
    if (same !== undefined) target.s[same]! += other.s[id]!
  }
  const functionOf = finder(target.fnMap, ({ loc }) => place(loc))
  for (const [id, each] of Object.entries(other.fnMap)) {
    const same = functionOf(each)
    if (same !== undefined) target.f[same]! += other.f[id]!
  }
  const branchOf = finder(target.branchMap, ({ loc, type }) => place(loc, type))
  for (const [id, branch] of Object.entries(other.branchMap)) {
    const same = branchOf(branch)
    if (same !== undefined) addWays(target.b[same]!, other.b[id]!)
  }
}

function addWays(target: number[], other: readonly number[]): void {
  if (target.length === other.length) other.forEach((hits, way) => (target[way]! += hits))
}

/** [what starts there, what ends there too] */
type Place = readonly [string, string]

function place({ start, end }: Range, type = ''): Place {
  const from = `${type} ${start.line}:${start.column}`
  return [from, `${from}-${end.line}:${end.column}`]
}

/** @returns finds the key of what lies at the same place, or, if that is not known, of the only one that starts there */
function finder<T>(known: Readonly<Record<string, T>>, placeOf: (item: T) => Place): (item: T) => string | undefined {
  const exact = new Map<string, string>()
  const starting = new Map<string, string | undefined>()
  for (const [id, item] of Object.entries(known)) {
    const [start, whole] = placeOf(item)
    exact.set(whole, id)
    starting.set(start, starting.has(start) ? undefined : id)
  }
  return (item) => {
    const [start, whole] = placeOf(item)
    return exact.get(whole) ?? starting.get(start)
  }
}
