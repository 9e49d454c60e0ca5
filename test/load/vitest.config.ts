import { defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.ts'

/** `npm run test:load`: the load, and connections that end by chance, at full size; minutes. `npm test` runs small ones. */
const config = mergeConfig(base, defineConfig({ test: { env: { LOAD_REQUESTS: '50000', FUZZ_SECONDS: '50' } } }))
config.test.include = ['test/load/**/*.test.ts', 'test/security/connection-fuzz.test.ts']
config.test.exclude = ['node_modules/**']

export default config
