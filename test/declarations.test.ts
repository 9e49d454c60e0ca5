/** The declarations of the built package: what they promise exists, and the members of each class are those of the contract. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { beforeAll, describe, expect, test } from 'vitest'
import { projectRoot, runNode } from './helpers/run-node.ts'

const entries = { '.': 'index', './pool': 'pool', './testing': 'testing', './bullmq': 'bullmq' }
type Entry = keyof typeof entries

const disposal = '[Symbol.asyncDispose]'
const sessionAttributes =
  'allowRedirects auth baseUrl cert cookies headers hooks maxRedirects maxResponseSize params proxies raiseForStatus retry stream timeout trustEnv verify'
const verbs = 'delete get head mount options patch post prepareRequest put request send'
const future = `[Symbol.dispose] [Symbol.toStringTag] [inspect.custom] addDoneCallback cancel cancelled done exception exceptionNow pending result resultNow running signal state`
const executor = `${disposal} isolated maxWorkers shutdown stats submit`

/** What each class has, in the order of the alphabet; of errors what is their own. What TypeScript calls private is left out. */
const members: Record<string, string> = {
  BullMQExecutor: executor,
  Future: future,
  FutureController: 'future onCancel reject resolve start',
  FuturesSession: `${disposal} [Symbol.dispose] addListener cancelAll close executor listeners map off on onIdle once paginate removeListener session stats ${sessionAttributes} ${verbs}`,
  HeaderMap:
    '[Symbol.iterator] [inspect.custom] append apply copy delete entries forEach get getSetCookie has keys set size toFlat values',
  InProcessExecutor: `${executor} onIdle pause resume`,
  ManualExecutor: `${executor} runAll runNext`,
  Pool: `${disposal} [Symbol.dispose] cancel close exceptions getException getResponse joinAll put responses stats`,
  PreparedRequest: '[inspect.custom] body copy headers method url',
  Response: `${disposal} [inspect.custom] arrayBuffer blob body bytes close content cookies data elapsed encoding headers history httpVersion isPermanentRedirect isRedirect iterContent iterLines json links next ok raiseForStatus read redirected request status statusText text url`,
  ResponseFuture: `${future} body bytes data headers isObserved json ok request status text`,
  Session: `${disposal} clone close ${sessionAttributes} ${verbs}`,
  ThreadException: 'attempts code exception request requestKwargs',
  WorkerThreadExecutor: `${executor} threads`,

  ConnectTimeoutError: 'scope',
  ConnectionError: 'cause',
  FuturesError: 'code',
  HTTPError: 'response',
  InvalidOptionError: 'option',
  QueueTimeoutError: 'scope',
  ReadTimeoutError: 'scope',
  RequestError: 'request response',
  ResponseTooLargeError: 'limit',
  TaskNotCloneableError: 'path',
  TimeoutError: 'scope total unfinished',
  TooManyRedirectsError: 'response',
  TotalTimeoutError: 'scope',
  WorkerCrashedError: 'exitCode',
}

let checker: ts.TypeChecker
let program: ts.Program

beforeAll(() => {
  const files = Object.values(entries).map((name) => path.join(projectRoot, `dist/${name}.d.ts`))
  if (!files.every((file) => existsSync(file))) throw new Error('There is no dist/: run `npm run build` first')
  const { NodeNext } = ts.ModuleKind
  const options = {
    module: NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
  }
  program = ts.createProgram(files, { ...options, types: ['node'], skipLibCheck: true })
  checker = program.getTypeChecker()
})

describe('The declarations', () => {
  test.each(Object.keys(entries) as Entry[])('of %s name exactly the values that there are', async (entry) => {
    const code = `console.log(JSON.stringify(Object.keys(await import('undici-futures${entry.slice(1)}'))))`
    const { stdout } = await runNode(['--input-type=module', '--eval', code])
    expect(valuesOf(entry).map(({ name }) => name)).toEqual((JSON.parse(stdout) as string[]).sort())
  })

  test('have the members of the contract in each class, and no more', () => {
    const found: Record<string, string> = {}
    for (const value of (Object.keys(entries) as Entry[]).flatMap(valuesOf)) {
      const own = (value.flags & ts.SymbolFlags.Class) === 0 ? [] : membersOf(value)
      if (own.length > 0) found[value.name] = own.join(' ')
    }
    const sorted = Object.entries(members).map(([name, list]) => [name, list.split(' ').sort().join(' ')])
    expect(found).toEqual(Object.fromEntries(sorted))
  })

  test('say nothing of what the inside does for itself', () => {
    const texts = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${projectRoot}dist/`))
    const words = /\b(?:submitRemote|forgetShared|makeCancelled|unsubscribe|trySubmit|QueuedTask|TaskScheduler)\b/g
    expect(texts.flatMap(({ text }) => text.match(words) ?? [])).toEqual([])
  })
})

function valuesOf(entry: Entry): ts.Symbol[] {
  const file = program.getSourceFile(path.join(projectRoot, `dist/${entries[entry]}.d.ts`))!
  return checker
    .getExportsOfModule(checker.getSymbolAtLocation(file)!)
    .map((symbol) => ((symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)))
    .filter(({ flags }) => (flags & ts.SymbolFlags.Value) !== 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Of an error only what it declares itself, of other classes all that is ours. */
function membersOf(symbol: ts.Symbol): string[] {
  const isError = symbol.name.endsWith('Error')
  const isPublic = (member: ts.Symbol): boolean =>
    member.declarations!.some(
      (each) =>
        each.getSourceFile().fileName.startsWith(`${projectRoot}dist/`) &&
        (!isError || each.parent === symbol.valueDeclaration) &&
        !(ts.isPropertyDeclaration(each) && ts.isPrivateIdentifier(each.name)) &&
        (ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Private) === 0,
    )
  const all = checker.getDeclaredTypeOfSymbol(symbol).getProperties()
  return all
    .filter(isPublic)
    .map((member) => checker.symbolToString(member))
    .sort()
}
