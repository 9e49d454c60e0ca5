import { createRequire } from 'node:module'
import type * as undici from 'undici'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

/** It needs Node 22.19. Where it does not load, its tests are skipped, with `undici 8` in their titles: see test/matrix/abilities.mjs. */
export const hasUndici8 = major > 22 || (major === 22 && minor >= 19)

/** What the tests use of it has the types of undici 7. */
export const undici8 = (hasUndici8 ? createRequire(import.meta.url)('undici8') : {}) as typeof undici
