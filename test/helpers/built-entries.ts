import { pathToFileURL } from 'node:url'
import type { Plugin } from 'vitest/config'
import { entriesFolder } from './build-entries.ts'

/**
 * Leads the sources under test to the entries that `build-entries.ts` has made of them: threads can't follow into TypeScript on
 * Node 20. The package itself has no such branch: bundlers would follow it.
 */
export function builtEntries(): Plugin {
  const folder = pathToFileURL(entriesFolder).href
  return {
    name: 'built-entries',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/src\/.*\.ts$/.test(id) || !code.includes("new URL('./")) return undefined
      // As long as it was, but for the end of its line: what maps back to the source needs no map.
      return { code: code.replace(/new URL\('\.\/([a-z-]+\.js)', [\w.]+\)/g, `new URL('${folder}$1')`), map: null }
    },
  }
}
