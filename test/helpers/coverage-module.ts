import coverageV8 from '@vitest/coverage-v8'
import { fileURLToPath } from 'node:url'
import type { CoverageProviderModule } from 'vitest/node'

/** Within vitest's own folder for such files, which it empties before and removes after a run. */
const threadsFolder = fileURLToPath(new URL('../../coverage/.tmp/threads', import.meta.url))

/** vitest's `customProviderModule`: its own provider, and what it does not see. Loaded wherever tests run, so it is light. */
const provider: CoverageProviderModule = {
  ...coverageV8,
  async startCoverage(options) {
    // Worker threads started from now on write what they ran into this folder, as they end. This process itself does not.
    process.env.NODE_V8_COVERAGE = threadsFolder
    await coverageV8.startCoverage?.(options)
  },
  async getProvider() {
    const { CoverageProvider } = await import('./coverage-provider.ts')
    return new CoverageProvider(threadsFolder)
  },
}

export default provider
