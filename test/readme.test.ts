/**
 * Runs every ```js and ```ts block of README.md as it stands, compiles all of them, and looks at whether what it lists is all there
 * is.
 *
 * Each runs in a process of its own, in a folder that has `undici-futures` in its node_modules. Three things are done for
 * it: test/fixtures/readme/prelude.mjs is loaded first (`session` and `urls` are globals; what a snippet declares itself goes
 * before), `https://...example.com` stands for the server of the examples, and TypeScript compiles types and `using` away. A
 * snippet passes when it ends by itself without an error and prints what the comments after its `console.log()`s say.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as futures from '../src/index.ts'
import {
  openSnippetFolder,
  promisedOutput,
  readReadme,
  readSnippets,
  startExampleServer,
  toRunnable,
  type SnippetFolder,
} from './helpers/readme.ts'
import { projectRoot, runNode, strictly } from './helpers/run-node.ts'

const readme = readReadme()
const snippets = readSnippets()

let server: Awaited<ReturnType<typeof startExampleServer>>
let home: SnippetFolder

beforeAll(async () => {
  server = await startExampleServer()
  home = await openSnippetFolder()
  process.env['README_SERVER'] = server.url
})

afterAll(async () => {
  server.close()
  await home.close()
})

describe('README.md', () => {
  test('shows how to install it, and code, before line 25, and then the two commands of a clone', () => {
    expect(readme.split('\n').slice(0, 6).join('\n')).toContain('`npm install undici-futures`')
    expect(snippets[0]?.line).toBeLessThan(25)
    const [, commands] = /^```sh\n([^]*?)^```$/m.exec(readme)!
    expect(commands).toBe('npm install && npm start\nnpm ci && npm test\n')
  })

  test('has no line of more than 140 characters', () => {
    expect(readme.split('\n').filter((line) => line.length > 140)).toEqual([])
  })

  test('has links that lead somewhere', () => {
    const anchors = headings(readme).map((heading) => `#${heading.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-')}`) // prettier-ignore
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!)
    const astray = links.filter((link) =>
      link.startsWith('#')
        ? !anchors.includes(link)
        : !link.startsWith('https://') && !existsSync(path.join(projectRoot, link)),
    )
    expect(astray).toEqual([])
  })

  test('lists its contents', () => {
    const [contents] = readme.split('\n## ')
    for (const heading of headings(readme)) expect(contents).toContain(`[${heading.split(' ')[0]}`)
  })

  test('tells of every member of a Response', () => {
    const table = tableUnder('Requests and responses')
    const members = Object.getOwnPropertyNames(futures.Response.prototype).filter((name) => name !== 'constructor')
    const fields = Object.keys(new futures.Response())
    expect([...members, ...fields].filter((name) => !RegExp(`\`${name}[\`(<]`).test(table))).toEqual([])
  })

  test('tells of every option', () => {
    const lists = { Options: sectionOf('Options'), Executors: sectionOf('Executors: which one, when') }
    const missing = [
      ...['SendOptions', 'RequestOptions', 'SessionOptions'].flatMap((each) => membersOf('session/options/options.ts', each)),
      ...membersOf('futures-session/futures-session-options.ts', 'FuturesSessionOptions'),
    ].filter((name) => !lists.Options.includes(`\`${name}\``)) // prettier-ignore
    const ofExecutors = [
      ...membersOf('executor/in-process-executor.ts', 'InProcessExecutorOptions'),
      ...membersOf('executor/worker-thread/worker-thread-executor.ts', 'WorkerThreadExecutorOptions'),
    ].filter((name) => !lists.Executors.includes(`\`${name}\``))
    expect([...missing, ...ofExecutors]).toEqual([])
  })

  test('tells of every error and every event', () => {
    const errors = Object.keys(futures).filter((name) => name.endsWith('Error'))
    expect(errors.filter((name) => !sectionOf('Errors').includes(name))).toEqual([])
    const events = membersOf('futures-session/events.ts', 'SessionEvents')
    expect(events.filter((name) => !sectionOf('Hooks in the background').includes(`\`${name}\``))).toEqual([])
  })

  test('tells of every example, and of none twice', () => {
    const examples = readdirSync(path.join(projectRoot, 'examples')).filter((name) => name.endsWith('.mjs'))
    const told = [...sectionOf('Recipes').matchAll(/\(examples\/([\w.-]+)\)/g)].map(([, name]) => name!)
    const others = ['server.mjs', 'start-server.mjs', 'start.mjs', 'print-spans.mjs']
    expect(told.sort()).toEqual(examples.filter((name) => !others.includes(name)).sort())
  })

  test('tells of every script', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as { scripts: object }
    const own = Object.keys(scripts).filter((name) => !/^check:|^(start|build|format|test:unit)$/.test(name))
    expect(own.filter((name) => !sectionOf('Development').includes(`npm ${name === 'test' ? '' : 'run '}${name}`))).toEqual([]) // prettier-ignore
  })

  test('has a picture that `npm run bench -- --chart` draws', async () => {
    const { drawChart } = (await import(pathToFileURL(path.join(projectRoot, 'test/bench/chart.mjs')).href)) as {
      drawChart(report: object): Promise<string>
    }
    const results = { got: { cpu: 250.84 }, futures: { cpu: 34.4 }, unknown: { cpu: 1 } }
    const drawn = await drawChart({ environment: 'somewhere', scenarios: { 'small-json': { results } } })
    const texts = [...drawn.matchAll(/<text[^>]*>([^<]+)</g)].map(([, text]) => text)
    expect(texts.slice(0, 4)).toEqual(['undici-futures', 'got', '34.4', '250.8'])
    expect(texts).toContain('somewhere')
    expect(texts).toHaveLength(6)
  })

  test('has a picture with the figures of its table', () => {
    const picture = readFileSync(path.join(projectRoot, 'test/bench/cpu-per-request.svg'), 'utf8')
    const drawn = [...picture.matchAll(/>(\d+\.\d)</g)].map(([, figure]) => figure)
    const [, row] = /^\| CPU µs per request \|(.+)\|$/m.exec(readme)!
    expect(row!.split('|').map((cell) => cell.trim()).sort()).toEqual(drawn.sort()) // prettier-ignore
  })

  test('has blocks that compile, strictly', async () => {
    const compiler = path.join(projectRoot, 'node_modules/typescript/bin/tsc')
    const project = await home.writeProject(snippets)
    const { code, stdout } = await runNode([compiler, '--project', project, '--pretty', 'false'], home.folder)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  }, 60_000)
})

describe.concurrent('README.md', () => {
  test.each(snippets.filter(({ language }) => language !== 'mts'))('line $line: $heading', async (snippet) => {
    const file = await home.write(toRunnable(snippet, server.url))
    const { code, stdout, stderr } = await runNode([...strictly, '--import', './prelude.mjs', file], home.folder)
    expect({ code, stderr }, snippet.code).toEqual({ code: 0, stderr: '' })
    for (const text of promisedOutput(snippet)) expect(stdout).toContain(text)
  })
})

function headings(markdown: string): string[] {
  return [...markdown.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!)
}

function sectionOf(heading: string): string {
  const section = readme.split('\n## ').find((each) => each.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`README.md has no section ${heading}`)
  return section
}

function tableUnder(heading: string): string {
  return sectionOf(heading)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n')
}

/** The names that an interface declares itself. */
function membersOf(file: string, name: string): string[] {
  const source = readFileSync(path.join(projectRoot, 'src', file), 'utf8')
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true)
  const found = tree.statements.find((each) => ts.isInterfaceDeclaration(each) && each.name.text === name)
  if (found === undefined) throw new Error(`${file} has no interface ${name}`)
  return (found as ts.InterfaceDeclaration).members.map((member) => member.name!.getText(tree))
}
