import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { builtEntries } from './helpers/built-entries.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

export default defineConfig({
  root,
  plugins: [builtEntries()],
  test: {
    globalSetup: ['test/helpers/build-entries.ts'],
    include: ['test/**/*.test.ts'],
    exclude: ['test/real/**', 'test/matrix/**', 'test/bundles/**', 'node_modules/**'],
    pool: 'forks',
    // Left to itself vitest runs one file at a time where there are two cores: it keeps one for itself, and hardly needs it.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // What hangs is found, and what is slow on a busy machine does not fail.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    execArgv: ['--expose-gc'],
    coverage: {
      provider: 'custom',
      customProviderModule: 'test/helpers/coverage-module.ts',
      include: ['src/**/*.ts'],
      exclude: hasRedis() ? [] : ['src/executor/bullmq/**'],
      reportOnFailure: true,
      reporter: [['text', { skipFull: true }], 'json', 'json-summary'],
      thresholds: thresholds(),
    },
  },
})

/** In per cent, for each folder of the sources by itself. */
function thresholds() {
  const folders = readdirSync(`${root}src`, { withFileTypes: true }).filter((each) => each.isDirectory())
  const all = (percent: number) => ({ lines: percent, branches: percent, functions: percent, statements: percent })
  const others = folders.filter(({ name }) => name !== 'executor')
  return {
    'src/*.ts': all(95),
    ...Object.fromEntries(others.map(({ name }) => [`src/${name}/**`, all(name === 'future' ? 100 : 95)])),
    'src/executor/*.ts': all(100),
    'src/executor/!(bullmq)/**': all(100),
    // A connection breaks in time for a branch or two, or does not.
    ...(hasRedis() && { 'src/executor/bullmq/**': { ...all(99), functions: 100 } }),
  }
}

function hasRedis() {
  try {
    execFileSync(process.env.UF_REDIS_SERVER ?? 'redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
