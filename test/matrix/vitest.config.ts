import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.ts'

/** The part of `npm run test:matrix` that is the same on every Node. It fetches compilers from npm. */
const config = mergeConfig(base, defineConfig({ test: { testTimeout: 120_000, hookTimeout: 240_000 } }))
config.test.include = ['test/matrix/**/*.test.ts']
config.test.exclude = ['node_modules/**']

export default config
