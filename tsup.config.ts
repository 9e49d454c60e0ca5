import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    pool: 'src/pool/index.ts',
    testing: 'src/testing/index.ts',
    bullmq: 'src/executor/bullmq/index.ts',
    'worker-entry': 'src/worker-entry.ts',
    'limited-task': 'src/executor/bullmq/limited-task.ts',
    'remote-request': 'src/futures-session/remote/remote-request.ts',
    'testing-tasks': 'src/testing/contract/testing-tasks.ts',
  },
  format: 'esm',
  target: 'node20.19',
  platform: 'node',
  sourcemap: true,
  clean: true,
  // tsup 8 sets `baseUrl`, which TypeScript 6 deprecates (egoist/tsup#1388).
  dts: { compilerOptions: { ignoreDeprecations: '6.0', stripInternal: true } },
})
