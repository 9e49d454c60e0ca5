import fc from '../helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { CancelledError, InvalidStateError } from '../../src/errors.ts'
import { asCompleted } from '../../src/future/as-completed.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import type { FutureState } from '../../src/future/future.ts'
import { controllers, rejection } from './states.ts'

/** What a future should do, in ten lines. */
class Model {
  state: FutureState = 'pending'
  outcome: unknown
  callbacks: number[] = []
  calls: number[] = []
  told: unknown[] = []
  cancelFunctions = 0

  get isDone(): boolean {
    return this.state !== 'pending' && this.state !== 'running'
  }

  settle(state: FutureState, outcome: unknown): void {
    this.state = state
    this.outcome = outcome
    if (state === 'cancelled') for (; this.cancelFunctions > 0; this.cancelFunctions--) this.told.push(outcome)
    this.calls.push(...this.callbacks)
    this.callbacks = []
  }
}

type Step =
  | { do: 'start' | 'signal' | 'onCancel' }
  | { do: 'resolve' | 'reject'; with: number | undefined }
  | { do: 'cancel'; with: number | undefined }
  | { do: 'add'; id: number }
  | { do: 'remove'; id: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('start' as const, 'signal' as const, 'onCancel' as const) }),
  fc.record({ do: fc.constantFrom('resolve' as const, 'reject' as const), with: fc.constantFrom(undefined, 0, 1, 2) }),
  fc.record({ do: fc.constant('cancel' as const), with: fc.constantFrom(undefined, 0, 1, 2) }),
  fc.record({ do: fc.constant('add' as const), id: fc.nat(50) }),
  fc.record({ do: fc.constant('remove' as const), id: fc.nat(50) }),
)

/** What an operation returned, or that it threw. */
function attempt(operation: () => boolean): boolean | 'InvalidStateError' {
  try {
    return operation()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidStateError)
    return 'InvalidStateError'
  }
}

test('Future and FutureController do what the model says, in any order of operations', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const controller = new FutureController<unknown>()
      const { future } = controller
      const model = new Model()
      const removers = new Map<number, () => void>()
      const calls: number[] = []
      const told: unknown[] = []
      let signal: AbortSignal | undefined
      for (const each of steps) {
        switch (each.do) {
          case 'start': {
            const expected = model.state === 'cancelled' ? false : model.state === 'pending' || 'InvalidStateError'
            expect(attempt(() => controller.start())).toBe(expected)
            if (model.state === 'pending') model.state = 'running'
            break
          }
          case 'resolve':
          case 'reject': {
            const expected = model.state === 'cancelled' ? false : !model.isDone || 'InvalidStateError'
            expect(attempt(() => controller[each.do](each.with))).toBe(expected)
            if (!model.isDone) model.settle(each.do === 'resolve' ? 'fulfilled' : 'rejected', each.with)
            break
          }
          case 'cancel':
            expect(future.cancel(each.with)).toBe(!model.isDone || model.state === 'cancelled')
            if (!model.isDone) model.settle('cancelled', each.with)
            break
          case 'add':
            if (removers.has(each.id)) break
            removers.set(
              each.id,
              future.addDoneCallback(() => calls.push(each.id)),
            )
            ;(model.isDone ? model.calls : model.callbacks).push(each.id)
            break
          case 'remove':
            removers.get(each.id)?.()
            model.callbacks = model.callbacks.filter((id) => id !== each.id)
            break
          case 'onCancel':
            controller.onCancel((reason) => told.push(reason))
            if (model.state === 'cancelled') model.told.push(model.outcome)
            else if (!model.isDone) model.cancelFunctions++
            break
          case 'signal':
            signal ??= future.signal
            expect(future.signal).toBe(signal)
            break
        }
        expect(future.state).toBe(model.state)
        expect(calls).toEqual(model.calls)
        expect(told).toEqual(model.told)
        if (signal !== undefined) expect(signal.aborted).toBe(model.state === 'cancelled')
      }
      await checkOutcome(controller, model)
    }),
    { numRuns: 500 },
  )
})

async function checkOutcome({ future }: FutureController<unknown>, model: Model): Promise<void> {
  if (model.state === 'fulfilled') {
    expect(await future.result()).toBe(model.outcome)
    expect(await future.exception()).toBe(undefined)
  } else if (model.state === 'rejected') {
    expect(await rejection(future.result())).toBe(model.outcome)
    expect(await future.exception()).toBe(model.outcome)
  } else if (model.state === 'cancelled') {
    const error = await rejection(future.result())
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.cause).toBe(model.outcome)
    expect(await rejection(future.exception())).toBe(error)
  } else {
    expect(() => future.resultNow()).toThrow(InvalidStateError)
  }
}

test('asCompleted() yields each future once, done ones first, then in the order of settlement', async () => {
  const scenario = fc.record({
    count: fc.integer({ min: 1, max: 12 }),
    input: fc.array(fc.nat(11), { maxLength: 30 }),
    before: fc.array(fc.nat(11), { maxLength: 6 }),
    after: fc.shuffledSubarray(Array.from({ length: 12 }, (_, index) => index)),
    nextsBetween: fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ count, input, before, after, nextsBetween }) => {
      const all = controllers<number>(count)
      const settle = (index: number): void => {
        const controller = all[index % count]!
        if (controller.future.done()) return
        if (index % 3 === 0) controller.future.cancel()
        else if (index % 3 === 1) controller.reject(index)
        else controller.resolve(index)
      }
      before.forEach(settle)
      const distinct = [...new Set(input.map((index) => index % count))]
      const expected = distinct.filter((index) => all[index]!.future.done())
      const iterator = asCompleted(input.map((index) => all[index % count]!.future))
      const results: Promise<IteratorResult<unknown, undefined>>[] = []
      for (const [turn, index] of after.entries()) {
        for (let next = 0; next < nextsBetween[turn]!; next++) results.push(iterator.next())
        const isNew = !all[index % count]!.future.done()
        settle(index)
        if (isNew && distinct.includes(index % count)) expected.push(index % count)
      }
      all.forEach((_, index) => {
        if (distinct.includes(index) && !all[index]!.future.done()) expected.push(index)
        settle(index)
      })
      while (results.length < distinct.length + 1) results.push(iterator.next())
      const seen = (await Promise.all(results)).filter(({ done }) => done !== true).map(({ value }) => value)
      expect(seen.map((future) => all.findIndex((each) => each.future === future))).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})
