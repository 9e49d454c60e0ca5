import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.ts'

/** `npm run test:load`: the load at its full size, which takes minutes. `npm test` runs a small one. */
const config = mergeConfig(base, defineConfig({ test: { env: { LOAD_REQUESTS: '50000' } } }))
config.test.include = ['test/load/**/*.test.ts']
config.test.exclude = ['node_modules/**']

export default config
