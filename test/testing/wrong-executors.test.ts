import { AssertionError } from 'node:assert'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { executorContract } from '../../src/testing/index.ts'
import type { ContractOptions } from '../../src/testing/contract/contract-case.ts'
import { wrongEnds } from './wrong-ends.ts'
import type { WrongExecutor } from './wrong-executor.ts'
import { wrongRuns } from './wrong-runs.ts'

const wrongExecutors = [...wrongRuns, ...wrongEnds]

// What the wrong ones throw where nobody can catch it is the contract's to notice, not the test runner's.
const events = ['unhandledRejection', 'uncaughtException'] as const
const listeners = new Map<string, ((...args: any[]) => void)[]>()

beforeAll(() => {
  for (const event of events) {
    listeners.set(event, process.listeners(event as 'uncaughtException'))
    process.removeAllListeners(event)
    process.on(event, () => {})
  }
})

afterAll(() => {
  for (const event of events) {
    process.removeAllListeners(event)
    for (const listener of listeners.get(event) ?? []) process.on(event, listener)
  }
})

async function isNoticed({ noticedBy, create }: WrongExecutor, options?: ContractOptions): Promise<void> {
  const noticing = executorContract.find(({ title }) => title === noticedBy)
  expect(noticing, `the case ${noticedBy}`).toBeDefined()
  const error: unknown = await noticing!.run(create, options).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error, `${noticedBy}: passed`).toBeInstanceOf(AssertionError)
  expect((error as Error).message).not.toBe('')
}

describe('executorContract notices an executor that', () => {
  for (const each of wrongExecutors.filter(({ isLoud }) => isLoud)) test(each.flaw, () => isNoticed(each))
})

describe.concurrent('executorContract notices an executor that', () => {
  for (const each of wrongExecutors.filter(({ isLoud }) => !isLoud)) test(each.flaw, () => isNoticed(each))
})

describe.concurrent('executorContract notices, by what tasks report by a socket, an executor that', () => {
  for (const each of wrongExecutors.filter(({ isLoud }) => !isLoud)) {
    test(each.flaw, () => isNoticed(each, { sharesMemory: false }))
  }
})
