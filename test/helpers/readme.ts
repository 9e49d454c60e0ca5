import { readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { projectRoot } from './run-node.ts'

export interface Snippet {
  /** Of the opening fence in README.md, from 1. */
  readonly line: number
  /** The heading it stands under. */
  readonly heading: string
  readonly code: string
}

const fixtures = path.join(projectRoot, 'test/fixtures/readme')

/** Every ```js and ```ts block of the README. */
export function readSnippets(): Snippet[] {
  const snippets: Snippet[] = []
  let heading = ''
  let open: { line: number; code: string[] } | undefined
  const lines = readFileSync(path.join(projectRoot, 'README.md'), 'utf8').split('\n')
  lines.forEach((text, index) => {
    if (open === undefined) {
      if (text.startsWith('#')) heading = text.replace(/^#+ /, '')
      if (/^```(js|ts)$/.test(text)) open = { line: index + 1, code: [] }
    } else if (text === '```') {
      snippets.push({ line: open.line, heading, code: open.code.join('\n') })
      open = undefined
    } else {
      open.code.push(text)
    }
  })
  return snippets
}

/** What its `console.log(...) // text` comments promise. */
export function promisedOutput(snippet: Snippet): string[] {
  return [...snippet.code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, text]) => text ?? '')
}

/**
 * JavaScript that Node 20 runs: types and `using` are compiled away, and every `https://...example.com` becomes the server.
 */
export function toRunnable(snippet: Snippet, serverUrl: string): string {
  const code = snippet.code.replace(/https:\/\/([a-z]+\.)*example\.com/g, serverUrl)
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  return outputText
}

/** The server of the examples: it plays `https://...example.com`. */
export async function startExampleServer(): Promise<{ url: string; close(): void }> {
  const module = (await import(pathToFileURL(path.join(projectRoot, 'examples/server.mjs')).href)) as {
    startServer(): Promise<{ url: string; close(): void }>
  }
  return module.startServer()
}

/**
 * A folder outside of the project in which a snippet is at home: `undici-futures` is in its node_modules, and beside it
 * stand the files that the README talks about (`tasks.js`, the prelude).
 */
export async function openSnippetFolder(): Promise<{
  folder: string
  write(code: string): Promise<string>
  close(): Promise<void>
}> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-readme-'))
  await mkdir(path.join(folder, 'node_modules'))
  await symlink(projectRoot, path.join(folder, 'node_modules/undici-futures'), 'junction')
  for (const file of ['prelude.mjs', 'tasks.js']) await copyFile(path.join(fixtures, file), path.join(folder, file))
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  let count = 0
  return {
    folder,
    async write(code) {
      const file = path.join(folder, `snippet-${count++}.mjs`)
      await writeFile(file, code)
      return file
    },
    close: () => rm(folder, { recursive: true }),
  }
}
