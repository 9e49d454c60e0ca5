import fc from '../helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { QueuedTask } from '../../src/executor/queued-task.ts'
import { TaskList } from '../../src/executor/lane.ts'
import { FutureController } from '../../src/future/future-controller.ts'

test('TaskList does what an array does', () => {
  const operation = fc.oneof(
    fc.constant({ do: 'push' } as const),
    fc.constant({ do: 'unshift' } as const),
    fc.record({ do: fc.constant('remove' as const), at: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const list = new TaskList()
      const model: QueuedTask[] = []
      for (const each of operations) {
        if (each.do === 'remove') {
          const [task] = model.splice(each.at % Math.max(1, model.length), 1)
          if (task !== undefined) list.remove(task)
        } else {
          const task = new QueuedTask(() => {}, new FutureController<unknown>())
          list[each.do](task)
          model[each.do](task)
        }
        expect([...list]).toEqual(model)
        expect([list.first, list.last]).toEqual([model.at(0), model.at(-1)])
      }
    }),
  )
})

test('TaskList lets a task that has left be added again', () => {
  const task = new QueuedTask(() => {}, new FutureController<unknown>())
  const [first, second] = [new TaskList(), new TaskList()]
  first.push(task)
  first.remove(task)
  second.unshift(task)
  expect([[...first], [...second]]).toEqual([[], [task]])
})
