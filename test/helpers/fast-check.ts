import fc from 'fast-check'
import { seed } from './random-text.ts'

// The same cases each time, so that a test that has passed passes: `SEED=2 npx vitest ...` looks at others.
fc.configureGlobal({ seed })

export default fc
