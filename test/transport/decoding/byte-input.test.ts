import { describe, expect, it } from 'vitest'
import { ByteInput } from '../../../src/transport/decoding/gzip-members.ts'

function inputOf(...chunks: readonly string[]): ByteInput {
  return new ByteInput(
    (async function* () {
      yield* chunks.map((chunk) => Buffer.from(chunk))
    })(),
  )
}

describe('ByteInput', () => {
  it('next() hands out chunk after chunk, but no empty one', async () => {
    const input = inputOf('ab', '', 'c', '')
    expect(String(await input.next())).toBe('ab')
    expect(String(await input.next())).toBe('c')
    expect(await input.next()).toBeUndefined()
    expect(await input.next()).toBeUndefined()
  })

  it('peek() looks across chunks and takes nothing; at the end it sees less', async () => {
    const input = inputOf('a', 'b', 'cd')
    expect(String(await input.peek(3))).toBe('abc')
    expect(String(await input.peek(1))).toBe('a')
    expect(String(await input.peek(9))).toBe('abcd')
    expect(String(await input.next())).toBe('abcd')
    expect(String(await input.peek(1))).toBe('')
  })

  it('take() takes just so many, and throws where there are fewer', async () => {
    const input = inputOf('abc', 'de')
    expect(String(await input.take(2))).toBe('ab')
    expect(String(await input.take(0))).toBe('')
    expect(String(await input.take(2))).toBe('cd')
    await expect(input.take(2)).rejects.toThrow('unexpected end of file')
    expect(String(await input.next())).toBe('e')
  })

  it('unread() puts back in front of what is there', async () => {
    const input = inputOf('abc')
    const bytes = await input.take(2)
    input.unread(bytes.subarray(1))
    expect(String(await input.next())).toBe('bc')
    input.unread(Buffer.from('z'))
    expect(String(await input.take(1))).toBe('z')
  })
})
