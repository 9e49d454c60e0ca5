import { V8CoverageProvider } from '@vitest/coverage-v8/dist/provider.js'
import type { ReportContext, Vitest } from 'vitest/node'
import { addHits, type CoverageMap } from './coverage-hits.ts'
import { ThreadCoverage } from './thread-coverage.ts'

/** vitest's own provider, and the coverage of worker threads beside it, before anything is reported or judged. */
export class CoverageProvider extends V8CoverageProvider {
  readonly #threadsFolder: string

  constructor(threadsFolder: string) {
    super()
    this.#threadsFolder = threadsFolder
  }

  override initialize(ctx: Vitest): void {
    super.initialize(ctx)
    // Or tests run with the provider that this one extends.
    this.options = { ...this.options, provider: 'custom' }
  }

  override async generateCoverage(context: ReportContext): Promise<CoverageMap> {
    const map = (await super.generateCoverage(context)) as CoverageMap
    addHits(map, await new ThreadCoverage(this.ctx, this.#threadsFolder).read())
    return map
  }
}
