import { afterEach, beforeEach, vi } from 'vitest'

/** Collects the process warnings with this code, test by test, in place of printing them. */
export function collectWarnings(code: string): string[] {
  const warnings: string[] = []
  beforeEach(() => {
    warnings.length = 0
    const emitWarning = process.emitWarning.bind(process)
    vi.spyOn(process, 'emitWarning').mockImplementation(((warning: string, options: { code?: string }) => {
      if (options.code === code) warnings.push(warning)
      else emitWarning(warning, options)
    }) as typeof process.emitWarning)
  })
  afterEach(() => vi.mocked(process.emitWarning).mockRestore())
  return warnings
}
