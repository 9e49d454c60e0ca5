import { describe, expect, test } from 'vitest'
import { WorkerCrashedError } from '../../../src/errors.ts'
import { closeExecutorsAfterEach, fixture, open } from '../../helpers/thread-executors.ts'
import { ThreadGate } from '../../helpers/thread-gate.ts'

closeExecutorsAfterEach()

const whichThread = fixture<number>('result-tasks.mjs', 'whichThread')
const pass = (gate: ThreadGate) => fixture<number>('gate-tasks.mjs', 'pass', gate.memory)
const crash = (name: string, ...args: unknown[]) => fixture('crash-tasks.mjs', name, ...args)

describe('A thread that dies', () => {
  test.each([
    ['process.exit()', crash('exit', 7), { exitCode: 7, message: /`exit` ended with exit code 7/ }],
    [
      'an error that nobody catches',
      crash('throwLater'),
      {
        exitCode: 1,
        message: /thrown by a timer/,
        cause: { name: 'Boom', code: 'ERR_BOOM', details: { at: 'midnight' }, message: 'thrown by a timer' },
      },
    ],
    [
      'something thrown that is no error',
      crash('throwTextLater'),
      { exitCode: 1, message: /exit code 1: thrown, and no error$/, cause: 'thrown, and no error' },
    ],
    [
      'a rejection that nobody handles',
      crash('rejectUnheard'),
      { exitCode: 1, message: /nobody listens/, cause: expect.any(RangeError) },
    ],
    [
      'too little memory',
      crash('fillMemory'),
      { exitCode: 1, message: /memory/, cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } },
    ],
  ])('of %s rejects exactly the tasks in it, and is replaced', async (_, reference, { message, ...expected }) => {
    const [here, there] = [new ThreadGate(), new ThreadGate()]
    const executor = open({ threads: 2, maxWorkers: 3, resourceLimits: { maxOldGenerationSizeMb: 48 } })
    const neighbour = executor.submit(pass(here))
    await here.arrived()
    const elsewhere = executor.submit(pass(there))
    await there.arrived()
    const crashing = executor.submit(reference)
    const waiting = Array.from({ length: 5 }, () => executor.submit(whichThread))
    const errors = await Promise.all([neighbour.exception(), crashing.exception()])
    for (const error of errors) {
      expect(error).toBeInstanceOf(WorkerCrashedError)
      expect(error).toMatchObject(expected)
    }
    expect(errors[0]).not.toBe(errors[1])
    expect((errors[1] as Error).message).toMatch(message)
    await Promise.all(waiting.map((future) => future.result()))
    there.open()
    await elsewhere.result()
    expect(executor.stats()).toEqual({ pending: 0, running: 0, fulfilled: 6, rejected: 2, cancelled: 0 })
  })

  test('again and again with every task is replaced each time', async () => {
    const executor = open({ threads: 1, maxWorkers: 1 })
    const futures = Array.from({ length: 5 }, () => executor.submit(crash('exit', 3)))
    for (const future of futures) expect(await future.exception()).toBeInstanceOf(WorkerCrashedError)
    expect(await executor.submit(whichThread).result()).toBeGreaterThan(0)
  })

  test('with a cancelled task in it frees its worker', async () => {
    const gate = new ThreadGate()
    const executor = open({ threads: 1, maxWorkers: 1 })
    const future = executor.submit(fixture('gate-tasks.mjs', 'passAndExit', gate.memory, 4))
    await gate.arrived()
    future.cancel()
    gate.open()
    expect(await executor.submit(whichThread).result()).toBeGreaterThan(0)
    expect(executor.stats()).toMatchObject({ fulfilled: 1, cancelled: 1 })
  })
})
