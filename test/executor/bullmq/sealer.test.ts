import { describe, expect, test } from 'vitest'
import { SealError, Sealer } from '../../../src/executor/bullmq/sealer.ts'

const id = (letter: string): string => letter.repeat(36)
const text = Buffer.from('Authorization: Bearer secret')

describe('Sealer', () => {
  test('opens what another one with the same secret has sealed, for the same purpose', () => {
    const sealed = new Sealer('s', id('a')).seal(text, 'job:1')
    expect(sealed.includes('secret')).toBe(false)
    expect(new Sealer('s', id('b')).open(sealed, 'job:1')).toEqual(text)
  })

  test('never seals the same thing the same way', () => {
    const sealer = new Sealer('s', id('a'))
    expect(sealer.seal(text, 'x').equals(sealer.seal(text, 'x'))).toBe(false)
  })

  test('refuses another secret, another purpose, and what was changed anywhere', () => {
    const sealed = new Sealer('s', id('a')).seal(text, 'job:1')
    const open = (bytes: Buffer, secret = 's', context = 'job:1') => new Sealer(secret, id('b')).open(bytes, context)
    expect(() => open(sealed, 'other')).toThrow(SealError)
    expect(() => open(sealed, 's', 'job:2')).toThrow(SealError)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at]! ^= 1
      expect(() => open(changed)).toThrow(SealError)
      expect(() => open(sealed.subarray(0, at))).toThrow(SealError)
    }
  })

  test('takes no part of a tag for the tag, not even where nothing was sealed', () => {
    const sealed = new Sealer('s', id('a')).seal(Buffer.alloc(0), 'job:1')
    for (let missing = 1; missing <= 16; missing++)
      expect(() => new Sealer('s', id('b')).open(sealed.subarray(0, -missing), 'job:1')).toThrow(SealError)
  })

  test('without a secret passes things on, and refuses what is sealed; with one, what is not', () => {
    const [open, closed] = [new Sealer(undefined, id('a')), new Sealer('s', id('b'))]
    expect(open.open(open.seal(text, 'x'), 'y')).toEqual(text)
    expect(() => open.open(closed.seal(text, 'x'), 'x')).toThrow(/no `secret`/)
    expect(() => closed.open(open.seal(text, 'x'), 'x')).toThrow(/not sealed/)
  })

  test('forgets the keys of the oldest senders', () => {
    const sealer = new Sealer('s', id('a'))
    for (let count = 0; count < 1001; count++) {
      const sender = String(count).padStart(36, '0')
      expect(sealer.open(new Sealer('s', sender).seal(text, 'x'), 'x')).toEqual(text)
    }
  })
})
