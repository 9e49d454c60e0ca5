import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.ts'

/** `npm run test:real`: against servers and proxies that others wrote. One that is missing fails; `.ci/run` installs them. */
const config = mergeConfig(base, defineConfig({ test: { hookTimeout: 60_000 } }))
config.test.include = ['test/real/**/*.test.ts']
config.test.exclude = ['node_modules/**']

export default config
