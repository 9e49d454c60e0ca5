import { expect, test } from 'vitest'
import { runProgram } from '../helpers/run-node.ts'

const timeout = 240_000
const soak = async (...args: string[]) =>
  runProgram('test/soak/soak-program.ts', ['--with=test/load/server-program.ts', ...args], timeout - 5000)

test('npm run soak: a few seconds of it, on both executors', { timeout }, async () => {
  const { code, stdout, stderr } = await soak('--minutes', '0.05')
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^in-process, 0\.05 minutes, seed 1,/m)
  expect(stdout).toMatch(/^threads, 0\.05 minutes, seed 1,/m)
  expect(stdout.match(/^ +minutes +rss +heap /gm)).toHaveLength(2)
  expect(stdout.match(/^( +\d+(\.\d)?){14}$/gm)!.length).toBeGreaterThanOrEqual(14)
  expect(stdout.match(/^nothing grows, and the books add up$/gm)).toHaveLength(2)
})

test.each([
  [['--minutes', 'many'], 'Expected `--minutes` to be a positive number, got many'],
  [['--executor', 'none'], 'Expected `--executor` to be in-process, threads or both'],
])('npm run soak refuses %j', { timeout }, async (args, message) => {
  const { code, stderr } = await soak(...args)
  expect(code).toBe(1)
  expect(stderr).toContain(message)
})
