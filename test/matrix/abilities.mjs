/**
 * What not every Node, or not every machine, can do. Tests that need it name it in their titles and are skipped elsewhere. Where
 * it is there, they have to run: this table says so a second time, so that a wrong condition in a test does not go unnoticed.
 */
import { existsSync } from 'node:fs'

/** @typedef {{ title: RegExp, reason: string, isThere: (version: string) => boolean }} Ability */

/** @type {readonly Ability[]} */
export const abilities = [
  { title: /\bundici 8\b/, reason: 'undici 8 needs Node 22.19', isThere: since(22, 19) },
  { title: /\bzstd\b/, reason: 'zstd came with Node 22.15', isThere: since(22, 15) },
  { title: /\bTypeScript modules\b/, reason: 'types are stripped since Node 22.18', isThere: since(22, 18) },
  { title: /\bnative using\b/, reason: '`using` came with Node 24', isThere: since(24, 0) },
  {
    title: /^conformance with requests\b/,
    reason: 'no ../shared/conformance here',
    isThere: () => existsSync(new URL('../../../shared/conformance', import.meta.url)),
  },
]

/** Of the lines that this project supports: what came with 22.15 is in every 24, but not in 23.0. */
function since(major, minor) {
  return (version) => {
    const [ofMajor, ofMinor] = version.replace(/^v/, '').split('.').map(Number)
    return ofMajor > major || (ofMajor === major && ofMinor >= minor)
  }
}
