import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { executorContract } from '../../../src/testing/index.ts'
import { entriesFolder } from '../../helpers/build-entries.ts'
import { Fleet } from '../../helpers/fleet.ts'
import { hasRedis } from '../../helpers/redis.ts'
import { pathToFileURL } from 'node:url'

const tasks = pathToFileURL(`${entriesFolder}testing-tasks.js`).href

describe.skipIf(!hasRedis).each([
  ['maxWorkers: 3', { maxWorkers: 3 }, {}],
  ['maxWorkers: 1', { maxWorkers: 1 }, {}],
  [
    'jobs of four tasks, sealed',
    { maxWorkers: 8, batchSize: 4, secret: 'a secret of tests' },
    { secret: 'a secret of tests' },
  ],
])('BullMQExecutor with %s keeps the contract', (_, options, workerOptions) => {
  let fleet: Fleet

  beforeAll(async () => {
    fleet = await Fleet.open()
    await Promise.all([0, 1].map(() => fleet.worker({ modules: [tasks], ...workerOptions })))
  })

  afterAll(() => fleet[Symbol.asyncDispose]())

  for (const { title, run } of executorContract) {
    test(title, () => run(() => fleet.executor(options), { sharesMemory: false }))
  }

  test('and leaves nothing of any submitter in Redis', async () => {
    const keys = await fleet.redis.command('KEYS *fleet*')
    expect(keys.match(/fleet:(words|revoked|shared|large):/g)).toBeNull()
    expect(fleet.errors).toEqual([])
  })
})
