import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type * as UserScopeModule from '../src/user-scope.ts'
import { UserScope } from '../src/user-scope.ts'
import { gate, turn } from './helpers/gate.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('UserScope', () => {
  test('is known to what it runs, however late, and to nobody else, until it is over', async () => {
    const scope = new UserScope()
    const [hold, seen] = [gate(), [] as unknown[]]
    const running = scope.run(async () => {
      seen.push(UserScope.current)
      await hold.promise
      seen.push(UserScope.current)
      await turn()
      seen.push(UserScope.current)
    })
    expect(UserScope.current).toBeUndefined()
    hold.open()
    await Promise.resolve()
    scope.end()
    scope.end()
    await running
    expect(seen).toEqual([scope, scope, undefined])
    expect(scope.isOver).toBe(true)
  })

  test('is within those that it was begun in, as long as they last', () => {
    const outer = new UserScope()
    const inner = outer.run(() => new UserScope())
    const innermost = inner.run(() => new UserScope())
    const stranger = new UserScope()
    expect(innermost.isWithin(new Set([outer]))).toBe(true)
    expect(innermost.isWithin(new Set([innermost]))).toBe(true)
    expect(innermost.isWithin(new Set([stranger]))).toBe(false)
    outer.end()
    expect(outer.run(() => UserScope.current)).toBeUndefined()
    expect(outer.run(() => new UserScope()).isWithin(new Set([outer]))).toBe(false)
    inner.end()
    // The chain is cut: follow-ups of follow-ups would make it endless.
    expect(innermost.isWithin(new Set([outer]))).toBe(false)
  })

  test('contains a call: it is over with it, or with the promise that it returns', async () => {
    const [sync, throwing, rejecting, waiting] = Array.from({ length: 4 }, () => new UserScope())
    expect(sync!.contain(() => 1)).toBe(1)
    expect(sync!.isOver).toBe(true)
    const fail = (): never => {
      throw new Error('call')
    }
    expect(() => throwing!.contain(fail)).toThrow('call')
    expect(throwing!.isOver).toBe(true)
    await expect(rejecting!.contain(async () => fail())).rejects.toThrow('call')
    expect(rejecting!.isOver).toBe(true)
    let asked = 0
    const lazy = {
      then(resolve: (value: string) => void) {
        asked++
        resolve('value')
      },
    }
    const result = waiting!.contain(() => lazy as unknown as PromiseLike<string>)
    expect(waiting!.isOver).toBe(false)
    expect([await result, await result]).toEqual(['value', 'value'])
    expect([asked, waiting!.isOver]).toEqual([1, true])
  })

  test('remembers what is waited for from inside, and by what', () => {
    const [subject, waiter, scope] = [{}, {}, new UserScope()]
    expect(UserScope.noteWait(subject, waiter)).toBe(false)
    expect(UserScope.waitingFor(subject)).toEqual([])
    expect(scope.run(() => UserScope.noteWait(subject, waiter))).toBe(true)
    expect(UserScope.waitingFor(subject)).toEqual([scope])
    UserScope.forgetWait(subject, waiter)
    UserScope.forgetWait({}, waiter)
    expect(UserScope.waitingFor(subject)).toEqual([])
    scope.end()
  })

  test('leaves nothing in use a second after the last one, and others’ storages alone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { UserScope: Fresh } = await vi.importActual<typeof UserScopeModule>('../src/user-scope.ts?fresh')
    const storage = new AsyncLocalStorage<string>()
    expect(Fresh.isInUse).toBe(false)
    await storage.run('theirs', async () => {
      for (let round = 0; round < 2; round++) {
        new Fresh().contain(() => expect(Fresh.current).toBeDefined())
        const next = new Fresh()
        vi.advanceTimersByTime(1000)
        expect(Fresh.isInUse).toBe(true)
        void next.contain(() => turn())
        next.end()
        vi.advanceTimersByTime(1000)
        expect(Fresh.isInUse).toBe(false)
        expect(Fresh.current).toBeUndefined()
      }
      await turn()
      expect(storage.getStore()).toBe('theirs')
    })
  })
})
