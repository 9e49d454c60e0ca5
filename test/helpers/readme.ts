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
  /** `mts` is TypeScript that needs more than is here: it is compiled, and not run. */
  readonly language: 'js' | 'ts' | 'mts'
  readonly code: string
}

const fixtures = path.join(projectRoot, 'test/fixtures/readme')

export const readReadme = (): string => readFileSync(path.join(projectRoot, 'README.md'), 'utf8')

/** Every block of JavaScript and TypeScript of the README. */
export function readSnippets(): Snippet[] {
  const snippets: Snippet[] = []
  let heading = ''
  let open: { line: number; language: Snippet['language']; code: string[] } | undefined
  readReadme()
    .split('\n')
    .forEach((text, index) => {
      if (open === undefined) {
        if (text.startsWith('#')) heading = text.replace(/^#+ /, '')
        const [, language] = /^```(js|ts|mts)$/.exec(text) ?? []
        if (language !== undefined) open = { line: index + 1, language: language as Snippet['language'], code: [] }
      } else if (text === '```') {
        snippets.push({ ...open, heading, code: open.code.join('\n') })
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

export interface SnippetFolder {
  readonly folder: string
  /** @returns the name of a file to run */
  write(code: string): Promise<string>
  /** @returns the name of a project to compile, strictly, with each snippet on the lines it has in README.md */
  writeProject(snippets: readonly Snippet[]): Promise<string>
  close(): Promise<void>
}

/**
 * A folder outside of the project in which a snippet is at home: `undici-futures` is in its node_modules, and beside it
 * stand the files that the README talks about (`tasks.js`, the prelude).
 */
export async function openSnippetFolder(): Promise<SnippetFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-readme-'))
  await mkdir(path.join(folder, 'node_modules'))
  await symlink(projectRoot, path.join(folder, 'node_modules/undici-futures'), 'junction')
  for (const file of ['prelude.mjs', 'tasks.js', 'tasks.d.ts']) {
    await copyFile(path.join(fixtures, file), path.join(folder, file))
  }
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  let count = 0
  return {
    folder,
    async write(code) {
      const file = path.join(folder, `snippet-${count++}.mjs`)
      await writeFile(file, code)
      return file
    },
    writeProject: (snippets) => writeProject(folder, snippets),
    close: () => rm(folder, { recursive: true }),
  }
}

/** What snippets may take as given, for the compiler. In no file of the tests: there these would be globals, too. */
const given = `
declare const session: import('undici-futures').FuturesSession
declare const urls: string[]
`

async function writeProject(folder: string, snippets: readonly Snippet[]): Promise<string> {
  for (const { line, code } of snippets) {
    await writeFile(path.join(folder, `readme-${line}.ts`), '\n'.repeat(line) + code)
  }
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2022', 'esnext.disposable'], module: 'nodenext', moduleDetection: 'force' },
    ...{ strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: true },
    ...{ types: ['node'], typeRoots: [path.join(projectRoot, 'node_modules/@types')] },
  }
  await writeFile(path.join(folder, 'given.d.ts'), given)
  const project = path.join(folder, 'tsconfig.json')
  await writeFile(project, JSON.stringify({ compilerOptions, files: ['given.d.ts'], include: ['readme-*.ts'] }))
  return project
}
