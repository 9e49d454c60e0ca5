import { getEventListeners } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { listen, unlisten, type AbortListener } from '../src/shared-signal.ts'

class Listener implements AbortListener {
  readonly reasons: unknown[] = []

  handleAbort(reason: unknown): void {
    this.reasons.push(reason)
  }
}

const count = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

describe('listen()', () => {
  test('tells every listener once, in order, with the reason, through one event listener', () => {
    const abort = new AbortController()
    const listeners = Array.from({ length: 100 }, () => new Listener())
    for (const listener of listeners) listen(abort.signal, listener)
    expect(count(abort.signal)).toBe(1)
    abort.abort('stop')
    abort.abort('again')
    expect(listeners.every(({ reasons }) => reasons.length === 1 && reasons[0] === 'stop')).toBe(true)
    expect(count(abort.signal)).toBe(0)
  })

  test('tells one that listens twice once', () => {
    const abort = new AbortController()
    const listener = new Listener()
    listen(abort.signal, listener)
    listen(abort.signal, listener)
    abort.abort('stop')
    expect(listener.reasons).toEqual(['stop'])
  })

  test('keeps signals apart', () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const listener = new Listener()
    listen(first.signal, listener)
    listen(second.signal, listener)
    second.abort('second')
    expect(listener.reasons).toEqual(['second'])
    expect([count(first.signal), count(second.signal)]).toEqual([1, 0])
    unlisten(first.signal, listener)
  })

  test('never warns of too many listeners', () => {
    const warn = vi.spyOn(process, 'emitWarning')
    const { signal } = new AbortController()
    for (let index = 0; index < 50; index++) listen(signal, new Listener())
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })
})

describe('unlisten()', () => {
  test('takes one away; with the last of them the event listener goes', () => {
    const abort = new AbortController()
    const [first, second] = [new Listener(), new Listener()]
    listen(abort.signal, first)
    listen(abort.signal, second)
    unlisten(abort.signal, first)
    expect(count(abort.signal)).toBe(1)
    unlisten(abort.signal, first)
    unlisten(abort.signal, second)
    expect(count(abort.signal)).toBe(0)
    unlisten(abort.signal, second)
    abort.abort()
    expect([first.reasons, second.reasons]).toEqual([[], []])
  })

  test('by one that is told takes another away before it is told', () => {
    const abort = new AbortController()
    const second = new Listener()
    listen(abort.signal, { handleAbort: () => unlisten(abort.signal, second) })
    listen(abort.signal, second)
    abort.abort()
    expect(second.reasons).toEqual([])
  })

  test('and listen() again start afresh', () => {
    const abort = new AbortController()
    const listener = new Listener()
    listen(abort.signal, listener)
    unlisten(abort.signal, listener)
    listen(abort.signal, listener)
    abort.abort('stop')
    expect(listener.reasons).toEqual(['stop'])
  })
})
