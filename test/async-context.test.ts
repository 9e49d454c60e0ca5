import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { AsyncContext } from '../src/async-context.ts'

test('AsyncContext.run() runs in the async context of whoever made it, and returns what that returns', async () => {
  const storage = new AsyncLocalStorage<string>()
  const context = storage.run('maker', () => new AsyncContext())
  await storage.run('user', async () => {
    expect(context.run(() => storage.getStore())).toBe('maker')
    const later = context.run(async () => {
      await Promise.resolve()
      return storage.getStore()
    })
    expect(await later).toBe('maker')
    expect(storage.getStore()).toBe('user')
    expect(() =>
      context.run(() => {
        throw new Error('thrown')
      }),
    ).toThrow('thrown')
    expect(storage.getStore()).toBe('user')
  })
})
