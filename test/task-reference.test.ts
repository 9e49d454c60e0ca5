import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { ModuleNotAllowedError } from '../src/errors.ts'
import { limitModules } from '../src/load-module.ts'
import { isTaskReference, loadTaskReference, taskReference, type TaskReference } from '../src/task-reference.ts'

describe('taskReference()', () => {
  test('names a module, an export and arguments', () => {
    const url = new URL('./tasks.js', import.meta.url)
    expect(taskReference(url, 'run', 1, 'two')).toEqual({ module: url.href, name: 'run', args: [1, 'two'] })
    expect(taskReference(url.href, 'run')).toEqual({ module: url.href, name: 'run' })
    expect(taskReference('lodash/chunk', 'default', [1])).toEqual({
      module: 'lodash/chunk',
      name: 'default',
      args: [[1]],
    })
    expect(taskReference('@scope/name', 'run').module).toBe('@scope/name')
    expect(taskReference('data:text/javascript,export default 1', 'default').module).toMatch(/^data:/)
  })

  test('is plain data: it survives structuredClone and JSON', () => {
    const reference = taskReference('node:path', 'join', 'a', { b: [1] })
    expect(structuredClone(reference)).toEqual(reference)
    expect(JSON.parse(JSON.stringify(reference))).toEqual(reference)
  })

  test('carries the type of the result', () => {
    expectTypeOf(taskReference<number>('node:path', 'join')).toEqualTypeOf<TaskReference<number>>()
  })

  const paths = [
    './tasks.js',
    '../tasks.js',
    '/tmp/tasks.js',
    '.',
    '\\\\server\\tasks.js',
    'C:\\tasks.js',
    'c:/tasks.js',
  ]
  test.each([...paths, '', 1, null, undefined])(
    'refuses the module %o with a TypeError that says what to write',
    (module) => {
      expect(() => taskReference(module as string, 'run')).toThrow(TypeError)
      expect(() => taskReference(module as string, 'run')).toThrow('write `new URL(path, import.meta.url)`')
    },
  )

  test.each(['', 1, null, undefined])('refuses the name %o', (name) => {
    expect(() => taskReference('node:path', name as string)).toThrow(
      'Expected `name` to be the name of an export, got ',
    )
  })
})

describe('isTaskReference()', () => {
  test.each([taskReference('node:path', 'join'), { module: 'a', name: 'b' }, { module: 'a', name: 'b', args: [] }])(
    'is true for %o',
    (value) => {
      expect(isTaskReference(value)).toBe(true)
    },
  )

  test.each([
    null,
    undefined,
    'a',
    () => {},
    {},
    { module: 'a' },
    { name: 'b' },
    { module: 1, name: 'b' },
    { module: 'a', name: 'b', args: 1 },
  ])('is false for %o', (value) => {
    expect(isTaskReference(value)).toBe(false)
  })
})

describe('loadTaskReference()', () => {
  test('imports the function that is named', async () => {
    const basename = await loadTaskReference(taskReference('node:path', 'basename'))
    expect(basename('/a/b.txt')).toBe('b.txt')
    const fallback = await loadTaskReference(taskReference('data:text/javascript,export default () => 7', 'default'))
    expect(fallback()).toBe(7)
  })

  test('imports a module by its file URL, once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tasks-'))
    try {
      const file = join(folder, 'tasks.mjs')
      await writeFile(file, 'let calls = 0\nexport const count = () => ++calls\n')
      const url = pathToFileURL(file)
      expect((await loadTaskReference(taskReference(url, 'count')))()).toBe(1)
      expect((await loadTaskReference(taskReference(url, 'count')))()).toBe(2)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test("imports a package from the program's folder", async () => {
    expect(await loadTaskReference(taskReference('p-queue', 'default'))).toBeTypeOf('function')
  })

  test.each(['noSuchExport', 'sep'])('rejects with a TypeError for %s, which is no exported function', async (name) => {
    const loading = loadTaskReference(taskReference('node:path', name))
    await expect(loading).rejects.toThrow(TypeError)
    await expect(loading).rejects.toThrow(`Expected \`node:path\` to export a function \`${name}\`, got `)
  })

  test('rejects with what the import throws', async () => {
    await expect(loadTaskReference(taskReference('no-such-package-at-all', 'run'))).rejects.toMatchObject({
      code: 'MODULE_NOT_FOUND',
    })
    await expect(
      loadTaskReference(taskReference('data:text/javascript,throw new Error("while loading")', 'run')),
    ).rejects.toThrow('while loading')
  })
})

describe('limitModules()', () => {
  const math = new URL('./fixtures/arithmetic-tasks.mjs', import.meta.url).href

  test('lets references name what is in a table, by its name there, and nothing else', async () => {
    const lift = limitModules(new Map([['math', math]]))
    try {
      await expect(loadTaskReference({ module: 'math', name: 'add' })).resolves.toBeTypeOf('function')
      for (const module of [math, 'data:text/javascript,export function f() {}', 'node:fs', 'undici', '__proto__']) {
        const error = (await loadTaskReference({ module, name: 'f' }).catch((reason: unknown) => reason)) as Error
        expect(error).toBeInstanceOf(ModuleNotAllowedError)
        expect(error.message).toMatch(/`modules`/)
      }
    } finally {
      lift()
    }
    await expect(loadTaskReference({ module: math, name: 'add' })).resolves.toBeTypeOf('function')
  })

  test('adds up where several are given, each until it is taken away', async () => {
    const lifts = [limitModules(new Map([['a', math]])), limitModules(new Map([['b', math]]))]
    await expect(loadTaskReference({ module: 'a', name: 'add' })).resolves.toBeTypeOf('function')
    await expect(loadTaskReference({ module: 'b', name: 'add' })).resolves.toBeTypeOf('function')
    lifts[0]?.()
    await expect(loadTaskReference({ module: 'a', name: 'add' })).rejects.toBeInstanceOf(ModuleNotAllowedError)
    lifts[1]?.()
  })
})
