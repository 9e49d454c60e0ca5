import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { inspect } from 'node:util'
import type { Executor } from '../../executor/executor.ts'
import { contractCase } from './contract-case.ts'
import type { Probe } from './board.ts'

/** Cases: when tasks start, and in which order. */
export const starting = [
  contractCase('submit() returns a pending future and starts nothing itself', async (lab) => {
    const probe = lab.step()
    assert.equal(probe.hasStarted, false, 'submit() ran the task: it starts in a microtask at the earliest')
    assert.equal(probe.future.state, 'pending', 'A future is pending when submit() returns it')
    await lab.started(probe)
    assert.equal(probe.future.state, 'running', 'The future of a task that has started is running')
    await lab.finish(probe)
    assert.equal(probe.future.resultNow(), probe.task, 'The future has the value that the task returned')
  }),

  contractCase('submit() in a task starts nothing itself', async (lab) => {
    if (lab.executor.isolated) return
    let hasStarted: boolean | undefined
    let inner: Probe | undefined
    const outer = lab.submit(() => {
      inner = lab.step()
      ;({ hasStarted } = inner)
    })
    await lab.done(outer)
    outer.resultNow()
    assert.equal(hasStarted, false, 'submit() ran the task: it starts in a microtask at the earliest')
    await lab.finish(inner as Probe)
  }),

  contractCase('submit(task).cancel() never runs the task', async (lab) => {
    const probe = lab.step()
    assert.equal(probe.future.cancel(), true, 'cancel() of a pending future is true')
    await lab.finish(lab.step())
    await lab.quiet()
    assert.equal(probe.hasStarted, false, 'A task ran that was cancelled in the turn that submitted it')
    assert.equal(probe.future.state, 'cancelled', 'A cancelled future stays cancelled')
  }),

  contractCase('submit() runs every task, once', async (lab) => {
    const probes = lab.steps(200)
    await lab.finish(...probes)
    for (const probe of probes) assert.equal(probe.starts, 1, `A task ran ${probe.starts} times`)
    const values = probes.map((probe) => probe.future.resultNow())
    assert.deepEqual(
      values,
      probes.map((probe) => probe.task),
      'Every future has the value of its own task',
    )
  }),

  contractCase('submit() runs tasks of one priority first in, first out', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const probes = lab.steps(6, options)
    open()
    await lab.finish(...probes)
    assertOrder(probes, 'Tasks of one priority start in the order in which they were submitted')
  }),

  contractCase('submit() runs higher priorities first; the default is 0', async (lab) => {
    const { open, options } = await lab.oneWorker()
    const low = lab.step({ ...options, priority: -1 })
    const plain = lab.step(options)
    const fraction = lab.step({ ...options, priority: 0.5 })
    const zero = lab.step({ ...options, priority: 0 })
    const [first, second] = [lab.step({ ...options, priority: 7 }), lab.step({ ...options, priority: 7 })]
    open()
    await lab.finish(low, plain, fraction, zero, first, second)
    assertOrder([first, second, fraction, plain, zero, low], 'Higher priorities start first, equal ones in order')
  }),

  contractCase('submit() runs a task in the async context of its submitter', async (lab) => {
    if (lab.executor.isolated) return
    const storage = new AsyncLocalStorage<string>()
    const { open, options } = await lab.oneWorker()
    const futures = ['a', 'b', 'c'].map((user) =>
      storage.run(user, () =>
        lab.submit(async () => {
          const before = storage.getStore()
          await Promise.resolve()
          return [before, storage.getStore()]
        }, options),
      ),
    )
    storage.run('somebody else', open)
    await lab.done(...futures)
    assert.deepEqual(
      futures.map((future) => future.resultNow()),
      ['a', 'b', 'c'].map((user) => [user, user]),
      'A task that waited runs in the async context of whoever submitted it, not of whoever made room for it',
    )
  }),

  contractCase('submit() takes a task reference: its arguments first, the context last', async (lab) => {
    const future = lab.submit(lab.reference('describeArguments', 1, { deep: ['two'] }))
    await lab.done(future)
    assert.deepEqual(future.resultNow(), [1, { deep: ['two'] }, true], 'What the named function was called with')
    const bare = lab.submit({ module: lab.reference('end').module, name: 'describeArguments' })
    await lab.done(bare)
    assert.deepEqual(bare.resultNow(), [true], 'What it was called with without `args`')
  }),

  contractCase('submit() refuses bad arguments by throwing, and counts nothing', async (lab) => {
    const task = lab.ending('return', 1)
    for (const bad of [undefined, null, 42, 'task', {}, { module: 'node:fs' }]) {
      refuses(lab.executor, bad, undefined, TypeError)
    }
    const badOptions: [object, typeof TypeError | typeof RangeError][] = [
      [{ priority: NaN }, TypeError],
      [{ priority: '1' }, TypeError],
      [{ group: 1 }, TypeError],
      [{ group: 'a', maxPerGroup: 0 }, RangeError],
      [{ group: 'a', maxPerGroup: 1.5 }, RangeError],
      [{ group: 'a', maxPerGroup: '1' }, TypeError],
      [{ signal: {} }, TypeError],
      [{ controller: {} }, TypeError],
    ]
    for (const [options, kind] of badOptions) refuses(lab.executor, task, options, kind)
    lab.counts({}, 'after nothing but refused tasks')
    const future = lab.submit(task, {
      priority: undefined,
      group: undefined,
      maxPerGroup: undefined,
      signal: undefined,
      controller: undefined,
    })
    await lab.done(future)
    assert.equal(future.resultNow(), 1, 'An option that is `undefined` is one that was not given')
  }),

  contractCase('submit() on an isolated executor refuses what can not be cloned', async (lab) => {
    if (!lab.executor.isolated) return
    refuses(lab.executor, () => 1, undefined, 'TaskNotCloneableError')
    const uncloneable = lab.reference('end', 'return', { hooks: { response: [() => 1] } })
    const error = refuses(lab.executor, uncloneable, undefined, 'TaskNotCloneableError') as { path?: string }
    assert.match(String(error.path), /hooks\.response\[0\]$/, 'The error says where the offending value stands')
    lab.counts({}, 'after nothing but refused tasks')
  }),
]

/** @throws {AssertionError} the tasks did not start in this order */
export function assertOrder(probes: readonly Probe[], message: string): void {
  const orders = probes.map((probe) => probe.order)
  const sorted = orders.toSorted((a, b) => a - b)
  assert.deepEqual(orders, sorted, message)
}

/** @returns the error that `submit()` threw. @throws {AssertionError} it threw none, or another one */
function refuses(executor: Executor, task: unknown, options: unknown, kind: string | (new () => Error)): unknown {
  const call = executor.submit.bind(executor) as (task: unknown, options: unknown) => unknown
  try {
    call(task, options)
  } catch (error) {
    const name = error instanceof Error ? error.constructor.name : String(error)
    assert.equal(name, typeof kind === 'string' ? kind : kind.name, `What submit() throws: ${String(error)}`)
    return error
  }
  return assert.fail(`submit() accepted what it should refuse: ${inspect(task)}, ${inspect(options)}`)
}
