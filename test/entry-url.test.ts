import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { entryUrl } from '../src/entry-url.ts'
import { runSource } from './helpers/run-source.ts'

test('entryUrl() run from source is what the test set-up has built', () => {
  const url = entryUrl(new URL('./testing-tasks.js', import.meta.url))
  expect(url.pathname).toMatch(/\/node_modules\/\.cache\/undici-futures\/testing-tasks\.js$/)
  expect(existsSync(url)).toBe(true)
})

test('entryUrl() in a build is where the build puts it', async () => {
  const { stdout } = await runSource(`
    import { entryUrl } from './src/entry-url.ts'
    console.log(entryUrl(new URL('file:///dist/worker-entry.js')).href)
  `)
  expect(stdout).toBe('file:///dist/worker-entry.js\n')
})
