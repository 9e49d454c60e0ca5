import fs from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { presentScarcity, scarcityIn } from '../../../src/executor/worker-thread/scarcity.ts'

afterEach(() => void vi.restoreAllMocks())

const withCode = (code: unknown, message = 'went wrong'): Error => Object.assign(new Error(message), { code })

describe('scarcityIn()', () => {
  const no = (): never => {
    throw new Error('no')
  }

  test.each<[name: string, make: () => unknown, expected: string | undefined]>([
    ['no descriptors for this process', () => withCode('EMFILE'), 'EMFILE'],
    ['none for anybody', () => withCode('ENFILE'), 'ENFILE'],
    ['no threads', () => withCode('ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EAGAIN'), 'EAGAIN'],
    ['no memory', () => withCode('ENOMEM'), 'ENOMEM'],
    ['nobody knows what', () => withCode('ERR_WORKER_INIT_FAILED'), 'ERR_WORKER_INIT_FAILED'],
    [
      'what Node says of package.json',
      () => withCode('ERR_X', 'Cannot read a/package.json: too many open files.'),
      'EMFILE',
    ],
    ['a text', () => 'EMFILE: too many open files', 'EMFILE'],
    ['something else', () => withCode('ENOENT'), undefined],
    ['a limit of ours', () => withCode('ERR_WORKER_OUT_OF_MEMORY', 'heap out of memory'), undefined],
    ['a part of a word', () => new Error('THEMFILED'), undefined],
    ['nothing', () => undefined, undefined],
    ['null', () => null, undefined],
    ['a code that can not be read', () => Object.defineProperty(new Error('EMFILE'), 'code', { get: no }), 'EMFILE'],
  ])('of %s', (_name, make, expected) => {
    expect(scarcityIn(make())).toBe(expected)
  })
})

describe('presentScarcity()', () => {
  test('is nothing where there is enough, and leaves nothing open', () => {
    const [opened, closed] = [vi.spyOn(fs, 'openSync'), vi.spyOn(fs, 'closeSync')]
    expect(presentScarcity()).toBeUndefined()
    expect(closed.mock.calls.map(([each]) => each)).toEqual(opened.mock.results.map(({ value }) => value as number))
  })

  test('is what the system says where there is not, and gives back what it got', () => {
    const { openSync } = fs
    let left = 3
    const opened: number[] = []
    vi.spyOn(fs, 'openSync').mockImplementation((...args) => {
      if (left-- === 0) throw withCode('EMFILE')
      opened.push(openSync(...args))
      return opened.at(-1)!
    })
    const closed = vi.spyOn(fs, 'closeSync')
    expect(presentScarcity()).toBe('EMFILE')
    expect(closed.mock.calls.map(([each]) => each)).toEqual(opened)
  })

  test('is nothing where the question is not allowed', () => {
    vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw withCode('ERR_ACCESS_DENIED')
    })
    expect(presentScarcity()).toBeUndefined()
  })
})
