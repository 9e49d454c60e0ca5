/** With a secret, what lies in Redis is good for what it was written for, and for nothing else. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { taskReference } from '../../src/task-reference.ts'
import { eventually, Fleet } from '../helpers/fleet.ts'
import { hasRedis } from '../helpers/redis.ts'

const secret = 'of these tests'
const base = 'bull:undici-futures:'

describe.skipIf(!hasRedis)('Who can write to a Redis, and has not got the secret,', () => {
  let folder: string
  let fleet: Fleet
  let redis: Redis

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'uf-forgery-'))
    fleet = await Fleet.open()
    redis = new Redis(fleet.redis.path)
  })

  afterEach(async () => {
    redis.disconnect()
    await fleet[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  const file = (name: string): string => join(folder, name)

  test('makes workers do no job under another number, for another submitter, or changed', async () => {
    const executor = fleet.executor({ secret })
    const future = executor.submit(taskReference('fleet-tasks', 'note', file('notes'), 'once'))
    await eventually(async () => (await redis.llen(`${base}wait`)) === 1)
    const [id] = await redis.lrange(`${base}wait`, 0, 0)
    const data = JSON.parse(String(await redis.hget(`${base}${id}`, 'data'))) as { s: string; j: number; d: string }
    const bytes = Buffer.from(data.d, 'base64')
    bytes[bytes.length - 1]! ^= 1
    const forged = [
      { ...data, j: 77 },
      { ...data, s: '00000000-0000-4000-8000-000000000000' },
      { ...data, j: 78, d: bytes.toString('base64') },
      // As one without a secret has it.
      { ...data, j: 79, d: Buffer.concat([Buffer.of(0), bytes.subarray(65)]).toString('base64') },
    ]
    const queue = new Queue('undici-futures', { connection: fleet.redis.connection })
    for (const each of forged) await queue.add('tasks', each, { removeOnComplete: true })
    await fleet.worker({ secret })
    expect(await future.result()).toBe('once')
    await eventually(async () => (await queue.getJobCountByTypes('wait', 'active')) === 0)
    await queue.close()
    expect(readFileSync(file('notes'), 'utf8')).toBe('once\n')
  })

  test('settles no future by words that were said to another submitter', async () => {
    await fleet.worker({ secret })
    const [other, executor] = [fleet.executor({ secret }), fleet.executor({ secret })]
    const streams = (): Promise<string[]> => redis.keys(`${base}fleet:words:*`)
    // Both are the first task of their submitter.
    expect(await other.submit(taskReference('fleet-tasks', 'add', 1, 2)).result()).toBe(3)
    const [from] = await streams()
    const wait = taskReference('fleet-tasks', 'wait', file('notes'), 'mine', file('gate'))
    const future = executor.submit(wait)
    await eventually(() => executor.stats().running === 1)
    const to = (await streams()).find((key) => key !== from)
    const entries = await redis.xrangeBuffer(String(from), '-', '+')
    expect(entries.length).toBeGreaterThan(1)
    for (const [, fields] of entries) await redis.xadd(String(to), '*', ...fields)
    await eventually(() => fleet.errors.length >= entries.length - 1)
    expect(future.state).toBe('running')
    writeFileSync(file('gate'), '')
    expect(await future.result()).toBe('mine')
    expect(fleet.errors.map(String)).toContainEqual(expect.stringMatching(/another `secret`, or changed/))
  })
})
