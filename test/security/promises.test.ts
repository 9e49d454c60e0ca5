/** SECURITY.md itself: each promise names its test, and each test here belongs to a promise. */
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

const folder = new URL('.', import.meta.url)
const text = await readFile(new URL('../../SECURITY.md', folder), 'utf8')
const defended = text.slice(text.indexOf('## What is defended'), text.indexOf("## What is the caller's"))
const promises = defended.split(/^- (?=\*\*)/m).slice(1)

describe('SECURITY.md', () => {
  it('promises nothing without a test', () => {
    expect(promises.length).toBeGreaterThan(10)
    expect(promises.filter((promise) => !/\]\(test\/security\/[a-z\d-]+\.test\.ts\)\s*$/.test(promise))).toEqual([])
  })

  it('names every test of this folder, and none that is not there', async () => {
    const named = new Set(
      [...defended.matchAll(/\]\(test\/security\/([a-z\d-]+\.test\.ts)\)/g)].map(([, name]) => name),
    )
    const files = (await readdir(folder)).filter((name) => name !== 'promises.test.ts')

    expect([...named].sort()).toEqual(files.sort())
  })
})
