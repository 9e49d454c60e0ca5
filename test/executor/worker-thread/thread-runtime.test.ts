import { expect, test } from 'vitest'

test('worker-entry does nothing where there is no parent, as in a bundle that runs in a main thread', async () => {
  const before = process.eventNames().map((name) => [name, process.listenerCount(name)])
  await import('../../../src/worker-entry.ts')
  expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(before)
})
