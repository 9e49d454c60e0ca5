import { expect, test } from 'vitest'
import { runNode, strictly } from './helpers/run-node.ts'

test('npm start: two thousand requests, a cancelled tail, and a server that agrees', { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await runNode([...strictly, 'examples/start.mjs'])
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('100 %   2000 done   0 running')
  expect(stdout).toContain('the server says the same of each of them')
  for (const outcome of ['200', '404', '500', 'reset', 'cut off', 'never sent']) {
    expect(stdout).toMatch(new RegExp(`^  ${outcome} +\\d+`, 'm'))
  }
})
