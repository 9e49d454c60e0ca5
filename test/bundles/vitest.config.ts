import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.ts'

/** `npm run test:bundles`: what bundlers make of the packed package. It fetches them from npm. */
const config = mergeConfig(base, defineConfig({ test: { testTimeout: 240_000, hookTimeout: 400_000 } }))
config.test.include = ['test/bundles/**/*.test.ts']
config.test.exclude = ['node_modules/**']

export default config
