/** Numbers by chance, the same ones for the same seed (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below)
  }
}

/**
 * Texts by chance, much cheaper than those of fast-check: of these words, of characters of ASCII, of any characters (half
 * of a surrogate pair too), and all of it mixed.
 */
export function* randomTexts(words: readonly string[], count: number, seed: number): Generator<string, void, void> {
  const below = chance(seed)
  const kinds = [
    () => words[below(words.length)]!,
    () => String.fromCharCode(below(128)),
    () => String.fromCharCode(below(0x1_0000)),
    () => String.fromCharCode(below(256)),
  ]
  for (let made = 0; made < count; made++) {
    const mixes = below(3) === 0
    const kind = below(4) < 2 ? 0 : below(kinds.length)
    let text = ''
    for (let length = below(14); length > 0; length--) text += kinds[mixes ? below(kinds.length) : kind]!()
    yield text
  }
}

/** `SEED=2 npx vitest ...` looks at other texts. */
export const seed = Number(process.env.SEED ?? 1)
