import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { defaultUserAgent, userAgent } from '../../src/session/user-agent.ts'

describe('userAgent', () => {
  it('puts the own name in front of ours', () => {
    expect(userAgent('my-crawler', '1.2.0')).toMatch(/^my-crawler\/1\.2\.0 undici-futures\/\S+ Node\.js\/\S+ \w+\/\S+$/)
  })

  it.each([
    ['', '1'],
    ['a', ''],
    ['a b', '1'],
    ['a', '1\n'],
    ['a/b', '1'],
    [undefined, '1'],
    ['é', '1'],
  ])('refuses %j, %j', (name, version) => {
    expect(() => userAgent(name as string, version)).toThrow(TypeError)
  })

  it('has the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }

    expect(defaultUserAgent).toBe(`undici-futures/${version}`)
  })
})
