import { describe, expect, it } from 'vitest'
import { TlsContexts } from '../../../src/transport/connecting/connector.ts'

describe('TlsContexts', () => {
  const [first, second, third] = ['1', '2', '3'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer]

  it('remembers the sessions that came last, and drops the oldest', () => {
    const contexts = new TlsContexts({}, 2)
    contexts.remember('a', first)
    contexts.remember('b', second)
    contexts.remember('a', third)
    contexts.remember('c', first)
    expect(['a', 'b', 'c'].map((key) => contexts.session(key))).toEqual([third, undefined, first])
  })

  it('remembers none where none are to be resumed', () => {
    const contexts = new TlsContexts({}, 0)
    contexts.remember('a', first)
    expect(contexts.session('a')).toBeUndefined()
  })

  it('parses the certificates of an identity once, and keeps what offers one apart', () => {
    const contexts = new TlsContexts({}, 2)
    const identity = { id: 'a', rejectUnauthorized: true }
    expect(contexts.context(identity, true)).toBe(contexts.context({ ...identity }, true))
    expect(contexts.context(identity, false)).not.toBe(contexts.context(identity, true))
    expect(contexts.context({ ...identity, id: 'b' }, true)).not.toBe(contexts.context(identity, true))
  })
})
