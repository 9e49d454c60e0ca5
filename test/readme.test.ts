/**
 * Runs every ```js and ```ts block of README.md as it stands.
 *
 * Each runs in a process of its own, in a folder that has `undici-futures` in its node_modules. Three things are done for
 * it: test/fixtures/readme/prelude.mjs is loaded first (every public name, `session` and `urls` are globals; what a snippet
 * imports or declares itself goes before), `https://...example.com` stands for the server of the examples, and TypeScript
 * compiles types and `using` away. A snippet passes when it ends by itself without an error and prints what the comments
 * after its `console.log()`s say.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSnippetFolder, promisedOutput, readSnippets, startExampleServer, toRunnable } from './helpers/readme.ts'
import { runNode, strictly } from './helpers/run-node.ts'

const snippets = readSnippets()

let server: Awaited<ReturnType<typeof startExampleServer>>
let home: Awaited<ReturnType<typeof openSnippetFolder>>

beforeAll(async () => {
  server = await startExampleServer()
  home = await openSnippetFolder()
  process.env['README_SERVER'] = server.url
})

afterAll(async () => {
  server.close()
  await home.close()
})

test('README.md shows code before line 25', () => {
  expect(snippets[0]?.line).toBeLessThan(25)
})

describe.concurrent('README.md', () => {
  test.each(snippets)('line $line: $heading', async (snippet) => {
    const file = await home.write(toRunnable(snippet, server.url))
    const { code, stdout, stderr } = await runNode([...strictly, '--import', './prelude.mjs', file], home.folder)
    expect({ code, stderr }, snippet.code).toEqual({ code: 0, stderr: '' })
    for (const text of promisedOutput(snippet)) expect(stdout).toContain(text)
  })
})
