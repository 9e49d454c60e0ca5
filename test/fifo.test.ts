import fc from './helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { Fifo } from '../src/async-queue.ts'

test('Fifo does what an array with push and shift does', () => {
  const operation = fc.oneof(fc.integer(), fc.constant('shift' as const), fc.constant('clear' as const))
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const fifo = new Fifo<number>()
      const model: number[] = []
      for (const each of operations) {
        if (each === 'shift') expect(fifo.shift()).toBe(model.shift())
        else if (each === 'clear') {
          fifo.clear()
          model.length = 0
        } else {
          fifo.push(each)
          model.push(each)
        }
        expect(fifo.size).toBe(model.length)
      }
    }),
  )
})

test('Fifo keeps `undefined` as any other value', () => {
  const fifo = new Fifo<undefined>()
  fifo.push(undefined)
  expect(fifo.size).toBe(1)
  fifo.shift()
  expect(fifo.size).toBe(0)
})
