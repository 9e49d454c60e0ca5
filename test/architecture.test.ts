/**
 * Who may import whom, one door per package, no cycles, sizes and names: the shape of src/, held by its import lines.
 * A rule that has to give way gives way here, with its reason beside it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { describe, expect, test } from 'vitest'
import { projectRoot } from './helpers/run-node.ts'
import { readSourceFiles, type SourceFile, type SourceImport } from './helpers/source-files.ts'

/** What a folder may import besides itself and the leaves: a folder, or single files of one. */
const mayImport: Record<string, readonly string[]> = {
  leaves: [],
  future: [],
  executor: ['future'],
  transport: [],
  session: ['transport'],
  'futures-session': [
    ...['session', 'future'],
    ...['executor/executor.ts', 'executor/in-process-executor.ts', 'executor/remote.ts'],
  ],
  pool: ['session', 'futures-session', 'future', 'executor/executor.ts'],
  testing: ['future', 'executor/executor.ts'],
  index: ['future', 'executor', 'transport', 'session', 'futures-session'],
  'worker-entry': ['executor/worker-thread/thread-runtime.ts', 'futures-session/remote/remote-request.ts'],
}

/** The one place where a package is used: a file, or a folder of which exactly one file imports its values. */
const doors: Record<string, string> = {
  'p-queue': 'executor/in-process-executor.ts',
  'node:worker_threads': 'executor/worker-thread/',
  // By its file: Bun has a module of its own in place of the package's name, and it can't dispatch.
  'undici/index.js': 'transport/',
  // Its types.
  undici: 'transport/',
  'node:http2': 'transport/http2/',
  socks: 'transport/connecting/socks.ts',
  'tough-cookie': 'session/',
  eventemitter3: 'futures-session/',
  bullmq: 'executor/bullmq/',
  ioredis: 'executor/bullmq/',
}

/** Files of fewer than 25 lines of code, or of fewer than 60 with one importer, each with the reason why it is a file. */
const smallFiles: Record<string, string> = {
  'async-context.ts': 'one idea, in the hands of all rooms',
  'cancelled-request.ts': 'errors and rooms both need it, and neither may import the other',
  'worker-entry.ts': 'a build entry: what a thread runs',
  'pool/index.ts': 'an entry of the package',
  'pool/map.ts': 'the other one of the two public functions of the room',
  'testing/index.ts': 'an entry of the package',
  'testing/executor-contract.ts': 'what the entry exports: the list of the files of cases',
  'testing/contract/testing-tasks.ts': 'a namespace of tasks, imported as one',
  'executor/executor-times.ts': 'all times of the room in one place, so that tests can have others',
  'executor/bullmq/index.ts': 'an entry of the package',
  'executor/bullmq/limited-task.ts': 'a build entry: what a thread of a worker runs',
  'executor/bullmq/large-results.ts': 'blobs of results, which know the protocol; `blobs.ts` does not',
  'executor/bullmq/presence.ts': 'one idea: what a worker says of itself while it lives',
  'executor/bullmq/redis-errors.ts': 'most files of the room ask it',
  'executor/bullmq/start-worker.ts': 'the public function; the class behind it is not public',
  'executor/bullmq/times.ts': 'all times of the room in one place, so that tests can have others',
  'executor/worker-thread/thread-task-context.ts': 'what a task holds in its hands; the rest of its side is plumbing',
  'session/user-agent.ts': 'the one place that says the version',
  'transport/connecting/socks.ts': 'the door to its package',
}

/** By type only, and no folders count as tied by them: each with the reason. */
const typesFromAbove: Record<string, string> = {
  'errors.ts -> session/response/response.ts': 'errors carry the response that the caller knows, with its type',
}
const isFromAbove = (file: SourceFile, { target, isEmitted }: SourceImport): boolean =>
  !isEmitted && `${file.path} -> ${target}` in typesFromAbove

const files = readSourceFiles()
const leaves = files.filter((file) => file.folder === 'leaves')

describe('src/ folders', () => {
  test('import only what the table allows', () => {
    const violations = files.flatMap((file) =>
      file.imports
        .filter((each) => each.isOurs && !isAllowed(file, each.target) && !isFromAbove(file, each))
        .map(({ target }) => `${file.path} -> ${target}`),
    )
    expect(violations).toEqual([])
  })

  test('are all in the table', () => {
    expect(unique(files.map((file) => file.folder)).filter((folder) => !(folder in mayImport))).toEqual([])
  })

  test('have no cycles between them, not even by type', () => {
    const edges = files.flatMap((file) =>
      file.imports
        .filter((each) => each.isOurs && !isFromAbove(file, each))
        .map(({ target }) => [file.folder, folderOf(target)] as const),
    )
    expect(findCycle(edges.filter(([from, to]) => from !== to))).toBeUndefined()
  })
})

describe('src/ files', () => {
  test('have no cycle of imports that are emitted', () => {
    const edges = files.flatMap((file) =>
      file.imports
        .filter(({ isOurs, isEmitted }) => isOurs && isEmitted)
        .map(({ target }) => [file.path, target] as const),
    )
    expect(findCycle(edges)).toBeUndefined()
  })

  test('are imported by somebody, or are entries', () => {
    const imported = new Set(files.flatMap((file) => file.imports.map(({ target }) => target)))
    const entries = /^(index|worker-entry)\.ts$|^(testing|pool|executor\/bullmq)\/index\.ts$|\/limited-task\.ts$/
    expect(files.map((file) => file.path).filter((path) => !imported.has(path) && !entries.test(path))).toEqual([])
  })

  test('have at most 300 lines', () => {
    expect(
      files
        .filter(({ path, lines }) => lines > 300 && path !== 'errors.ts')
        .map(({ path, lines }) => `${path}: ${lines}`),
    ).toEqual([])
  })

  test('are worth a file: 25 lines of code, 60 where one file imports them, or a reason', () => {
    const importersOf = (path: string): number =>
      files.filter((file) => file.imports.some(({ target }) => target === path)).length
    const isSmall = ({ path, codeLines }: SourceFile): boolean =>
      codeLines < 25 || (codeLines < 60 && importersOf(path) === 1)
    expect(
      files
        .filter(isSmall)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(Object.keys(smallFiles).sort())
  })

  test('have functions of at most 40 lines', () => {
    const tooLong = files.flatMap(({ path, functions }) =>
      functions.filter(({ lines }) => lines > 40).map(({ name, lines }) => `${path} ${name}: ${lines}`),
    )
    expect(tooLong).toEqual([])
  })

  test('have no default export and no enum or namespace', () => {
    const others = files.filter(({ exportedValues }) =>
      exportedValues.some((name) => name === 'default' || name === '(no plain export)'),
    )
    expect(others.map(({ path }) => path)).toEqual([])
  })

  test('have kebab-case names', () => {
    expect(files.map(({ path }) => path).filter((path) => !/^[a-z0-9-]+(\/[a-z0-9-]+)*\.ts$/.test(path))).toEqual([])
  })

  test('say neither `any` nor `console`', () => {
    const places = files.flatMap(({ path, anys, consoles }) => [...anys, ...consoles].map((line) => `${path}:${line}`))
    expect(places).toEqual([])
  })
})

describe('timers', () => {
  test('of tests do not reach what lets sockets go first: immediates are those of node:timers', () => {
    const places = files.flatMap(({ path, globalImmediates }) => globalImmediates.map((line) => `${path}:${line}`))
    expect(places).toEqual([])
  })
})

describe('packages', () => {
  test('are imported through their door only', () => {
    const strangers = files.flatMap((file) =>
      file.imports
        .filter(({ isOurs, target }) => !isOurs && !isDoorOf(file, target))
        .map(({ target }) => `${file.path} -> ${target}`),
    )
    expect(strangers).toEqual([])
  })

  test('have leaves that use Node only', () => {
    const targets = leaves.flatMap((file) => file.imports.filter(({ isOurs }) => !isOurs).map(({ target }) => target))
    expect(unique(targets).filter((target) => !isNode(target))).toEqual([])
  })
})

describe('src/README.md', () => {
  const text = readFileSync(`${projectRoot}src/README.md`, 'utf8')
  const section = (title: string): string => new RegExp(`\\n## ${title}\\n([^]*?)(?=\\n## |$)`).exec(text)?.[1] ?? ''
  const rowsOf = (title: string): string[] =>
    section(title)
      .match(/^\| .*$/gm)
      ?.slice(2) ?? []

  test('names files and folders that are there', () => {
    const names = [...text.matchAll(/`([\w./-]+(?:\.ts|\/))`/g)].map(([, name]) => String(name))
    const isThere = (name: string): boolean =>
      existsSync(`${projectRoot}src/${name}`) ||
      existsSync(`${projectRoot}${name}`) ||
      files.some(({ path }) => path.endsWith(`/${name}`))
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !isThere(name))).toEqual([])
  })

  test('names nine files to read, and each room', () => {
    expect(text.match(/\*\*`[\w/-]+\.ts`\*\*/g)).toHaveLength(9)
    const folders = unique(files.filter(({ path }) => path.includes('/')).map(({ folder }) => folder))
    expect(folders.filter((folder) => !rowsOf('Rooms').some((row) => row.includes(`\`${folder}/\``)))).toEqual([])
  })

  test('explains at most 25 words', () => {
    expect(rowsOf('Words').length).toBeGreaterThan(0)
    expect(rowsOf('Words').length).toBeLessThanOrEqual(25)
  })
})

function isAllowed(file: SourceFile, target: string): boolean {
  const folder = folderOf(target)
  if (folder === file.folder || folder === 'leaves') return true
  return (mayImport[file.folder] ?? []).some((allowed) => allowed === folder || allowed === target)
}

function folderOf(path: string): string {
  return files.find((file) => file.path === path)?.folder ?? `(nothing at ${path})`
}

function isNode(target: string): boolean {
  return target.startsWith('node:') && builtinModules.includes(target.slice('node:'.length))
}

function isDoorOf(file: SourceFile, target: string): boolean {
  const door = doors[target]
  if (door === undefined) return isNode(target)
  return door.endsWith('/') ? file.path.startsWith(door) : file.path === door
}

/** @returns the names along a cycle, or `undefined` */
function findCycle(edges: readonly (readonly [from: string, to: string])[]): string[] | undefined {
  const targets = new Map<string, Set<string>>()
  for (const [from, to] of edges) targets.set(from, (targets.get(from) ?? new Set()).add(to))
  const finished = new Set<string>()
  const trail: string[] = []
  const visit = (name: string): string[] | undefined => {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name]
    if (finished.has(name)) return undefined
    trail.push(name)
    for (const target of targets.get(name) ?? []) {
      const cycle = visit(target)
      if (cycle !== undefined) return cycle
    }
    trail.pop()
    finished.add(name)
    return undefined
  }
  for (const name of targets.keys()) {
    const cycle = visit(name)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}
