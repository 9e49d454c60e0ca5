import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { FileCache } from '../../../src/session/network/file-cache.ts'

describe('FileCache.get()', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cache-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('reads a file that is at rest once, and again when it has changed', async () => {
    const path = join(folder, 'file')
    const make = vi.fn((name: string) => readFileSync(name, 'utf8'))
    const cache = new FileCache(make)
    await writeFile(path, 'one')
    await utimes(path, 1, 1)

    expect([cache.get(path), cache.get(path)]).toEqual(['one', 'one'])
    expect(make).toHaveBeenCalledTimes(1)
    await writeFile(path, 'two')
    expect(cache.get(path)).toBe('two')
  })

  it('does not trust a file that was written a moment ago', async () => {
    const path = join(folder, 'young')
    const make = vi.fn(() => 'x')
    const cache = new FileCache(make)
    await writeFile(path, 'x')
    cache.get(path)
    cache.get(path)

    expect(make).toHaveBeenCalledTimes(2)
  })

  it('a file that is gone is undefined', async () => {
    const path = join(folder, 'gone')
    const cache = new FileCache(() => 'x')
    await writeFile(path, 'x')

    expect(cache.get(path)).toBe('x')
    await rm(path)
    expect(cache.get(path)).toBeUndefined()
  })

  it('throws what making something of it throws, each time', async () => {
    const path = join(folder, 'bad')
    await writeFile(path, 'x')
    const cache = new FileCache(() => {
      throw new Error('bad')
    })

    expect(() => cache.get(path)).toThrow('bad')
    expect(() => cache.get(path)).toThrow('bad')
  })
})
