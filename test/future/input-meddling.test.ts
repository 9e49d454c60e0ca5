/** Inputs of waits whose own code settles futures or leaves while they are read. */
import { describe, expect, test } from 'vitest'
import { asCompleted } from '../../src/future/as-completed.ts'
import { Future } from '../../src/future/future.ts'
import { wait } from '../../src/future/combine.ts'
import { turn, until } from '../helpers/gate.ts'
import { at, InputLog, inputKinds, type Meddling } from '../helpers/inputs.ts'
import { controllers, rejection } from './states.ts'

const count = 12
const kinds = Object.keys(inputKinds)
const asyncKinds = kinds.filter((kind) => kind.includes('async'))
const syncKinds = kinds.filter((kind) => !kind.includes('async'))

describe.each(asyncKinds)('asCompleted() of %s', (kind) => {
  const make = inputKinds[kind]!

  test('that settles its futures yields each of them once', async () => {
    const all = controllers(count)
    const log = new InputLog()
    const meddle: Meddling = (index) => void all[index - 1]?.future.cancel()
    const seen: unknown[] = []
    for await (const future of asCompleted(make(log, count, (index) => all[index]!.future, meddle))) {
      seen.push(future)
      if (seen.length === count - 1) all.at(-1)?.resolve('last')
    }
    expect(new Set(seen).size).toBe(count)
    expect(log).toMatchObject({ violations: [], returned: 0, read: count })
  })

  test('that leaves, or aborts, is told when its next() is back', async () => {
    for (const leave of ['return', Symbol.asyncDispose, 'abort'] as const) {
      const all = controllers(count)
      for (const each of all) each.resolve('value')
      const [log, controller] = [new InputLog(), new AbortController()]
      const meddle = at(3, () => {
        if (leave === 'abort') controller.abort('enough')
        else void iterator[leave]!()
      })
      const input = make(log, count, (index) => all[index]!.future, meddle)
      const iterator = asCompleted(input as AsyncIterable<Future<string>>, { signal: controller.signal })
      const take = async () => {
        while ((await iterator.next()).done !== true);
      }
      if (leave === 'abort') expect(await rejection(take())).toBe('enough')
      else await take()
      await until(() => log.returned > 0)
      expect(log).toMatchObject({ violations: [], returned: 1, read: 4 })
    }
  })
})

describe.each(syncKinds)('%s of futures', (kind) => {
  const make = inputKinds[kind]!

  test('may settle them while it is read', async () => {
    const waits = [
      async (input: Iterable<Future<string>>) => {
        const seen: unknown[] = []
        for await (const future of asCompleted(input)) seen.push(future)
        return seen.length
      },
      async (input: Iterable<Future<string>>) => (await wait(input)).done.size,
      async (input: Iterable<Future<string>>) => (await Future.all(input)).length,
    ]
    for (const each of waits) {
      const all = controllers(count)
      const log = new InputLog()
      const meddle: Meddling = (index) => void all[index - 1]?.resolve('value')
      const input = make(log, count, (index) => all[index]!.future, meddle) as Iterable<Future<string>>
      const waiting = each(input)
      await turn()
      all.at(-1)?.resolve('last')
      expect(await waiting).toBe(count)
      expect(log).toMatchObject({ violations: [], returned: 0 })
    }
  })
})
