import { V8CoverageProvider } from '@vitest/coverage-v8/dist/provider.js'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import type { Vitest } from 'vitest/node'
import { entriesFolder } from './build-entries.ts'
import type { CoverageMap } from './coverage-hits.ts'

type BaseProvider = V8CoverageProvider
type ReadOptions<T> = Pick<Parameters<BaseProvider['readCoverageFiles']>[0], 'onFinished'> & {
  onFileRead(data: T): void
}

/**
 * What ran in worker threads. They run bundles of the sources (`helpers/build-entries.ts`), of which Node writes into a
 * folder what was executed, a file as each thread ends; the bundles' source maps lead back.
 */
export class ThreadCoverage extends V8CoverageProvider {
  readonly #folder: string

  constructor(ctx: Vitest, folder: string) {
    super()
    this.#folder = folder
    this.initialize(ctx)
    // Which files are to be covered is asked once, of the provider that has all of them.
    const options = { ...this.options }
    delete options.include
    this.options = options
  }

  async read(): Promise<CoverageMap> {
    return (await this.generateCoverage({ allTestsRun: false })) as CoverageMap
  }

  override async readCoverageFiles<T>({ onFileRead, onFinished }: ReadOptions<T>): Promise<void> {
    const bundles = pathToFileURL(entriesFolder).href
    const files = existsSync(this.#folder) ? await readdir(this.#folder) : []
    for (const file of files) {
      const { result } = JSON.parse(await readFile(`${this.#folder}/${file}`, 'utf8')) as { result: { url: string }[] }
      onFileRead({ result: result.filter(({ url }) => url.startsWith(bundles)) } as T)
    }
    await onFinished(this.ctx.getRootProject(), 'threads')
  }

  override isIncluded(): boolean {
    return true
  }

  /** As they lie there: they are no modules of vite's. */
  override async transformFile(): Promise<null> {
    return null
  }
}
