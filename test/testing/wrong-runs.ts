import { AsyncResource } from 'node:async_hooks'
import type { Task, TaskContext } from '../../src/executor/executor.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { never, wrong, wrongOptions, wrongRun, type WrongExecutor } from './wrong-executor.ts'

function whenCancelled(context: TaskContext): Promise<void> {
  return new Promise((resolve) => context.onCancel(() => resolve()))
}

class WholeContext implements TaskContext {
  readonly #context: TaskContext

  constructor(context: TaskContext) {
    this.#context = context
  }

  get signal(): AbortSignal {
    return this.#context.signal
  }

  onCancel(fn: (reason: unknown) => void): void {
    this.#context.onCancel(fn)
  }
}

/** Those that run tasks in a wrong way. */
export const wrongRuns: readonly WrongExecutor[] = [
  wrong('starts synchronously', 'submit() returns a pending future and starts nothing itself', (inner) => ({
    submit(task, options) {
      const future = inner.submit(task, options)
      inner.runNext()
      return future
    },
  })),
  wrong('exceeds the limit by one', 'maxWorkers: so many tasks run at once, and never one more', () => ({}), {
    innerWorkers: 3,
  }),
  wrong('leaves a worker idle', 'maxWorkers: so many tasks run at once, and never one more', () => ({}), {
    innerWorkers: 1,
  }),
  wrongRun(
    'frees the worker of cancelled work',
    'maxWorkers: cancelled work holds its worker until it has stopped',
    (task, context) => Promise.race([task(context), whenCancelled(context)]),
  ),
  wrongRun(
    'frees the place in the group of cancelled work',
    'maxPerGroup: cancelled work counts until it has stopped',
    (task, context) => Promise.race([task(context), whenCancelled(context)]),
  ),
  wrongRun(
    'frees the worker when somebody else settles the future',
    'maxWorkers: work holds its worker when somebody else has settled its future',
    (task, context, { controller }) =>
      Promise.race([task(context), new Promise((resolve) => controller?.future.addDoneCallback(resolve))]),
  ),
  wrongRun(
    'does not tell running work that it is cancelled',
    'cancel() settles a running task at once, and tells it',
    (task) => task({ signal: new AbortController().signal, onCancel: () => {} }),
  ),
  wrongRun(
    'gives tasks a context that works only as a whole',
    'cancel() settles a running task at once, and tells it',
    (task, context) => task(new WholeContext(context)),
  ),
  wrongRun(
    'runs tasks twice',
    'submit() runs every task, once',
    (task, context) => (void task(context), task(context)),
  ),
  wrongRun(
    'takes a falsy error for none',
    'A task may fail with anything: undefined, null, 0, an empty string, false',
    async (task, context) => {
      try {
        return await task(context)
      } catch (error) {
        if (error !== undefined) throw error
        return undefined
      }
    },
  ),
  wrongRun(
    'loses a worker with each failure',
    'A task that fails takes no worker with it',
    async (task, context, { controller = new FutureController() }) => {
      try {
        return await task(context)
      } catch (error) {
        controller.reject(error)
        return never
      }
    },
  ),
  wrongRun(
    'holds the worker while work waits for its next attempt',
    'continuation: work that waits for its next attempt holds no worker',
    async (task, context, { controller }) => {
      const value = await task(context)
      controller?.resolve(value)
      if (controller !== undefined) await new Promise((resolve) => controller.future.addDoneCallback(resolve))
      return value
    },
  ),
  wrong('loses the task after a failure', 'A task that fails takes no worker with it', (inner) => {
    let hasFailed = false
    return {
      submit(task, options) {
        if (hasFailed) return new Future()
        const future = inner.submit(task, options)
        future.addDoneCallback(() => (hasFailed ||= future.state === 'rejected'))
        return future
      },
    }
  }),
  wrong(
    'drops what it can not resolve',
    'A task that returns fulfils its future: value, promise or thenable',
    (inner) => ({
      submit(task, { controller = new FutureController(), ...options } = {}) {
        if (typeof task !== 'function') return inner.submit(task, { controller, ...options })
        void inner.submit((context) => {
          const returned = (task as Task<unknown>)(context)
          if (!(returned instanceof Promise)) return void controller.resolve(returned)
          return returned.then(
            (value) => controller.resolve(value),
            (error: unknown) => controller.reject(error),
          )
        }, options)
        return controller.future
      },
    }),
  ),
  wrongOptions('ignores priority', 'submit() runs higher priorities first; the default is 0', (options) => ({
    ...options,
    priority: 0,
  })),
  wrong('is last in, first out', 'submit() runs tasks of one priority first in, first out', (inner) => {
    let count = 0
    return {
      submit: (task, options = {}) =>
        inner.submit(task, { ...options, priority: (options.priority ?? 0) * 1e6 + count++ }),
    }
  }),
  wrongOptions(
    'ignores groups',
    'maxPerGroup: so many tasks of a group run at once, and never one more',
    (options) => ({
      ...options,
      group: undefined,
    }),
  ),
  wrong('lets a full group hold up the others', 'maxPerGroup: a group at its limit holds up nobody else', (inner) => ({
    submit: (task, options = {}) =>
      inner.submit(task, options.maxPerGroup === undefined ? options : { ...options, group: 'all' }),
  })),
  wrongOptions(
    'ignores the controller',
    'controller: submit() settles the given one, and returns its future',
    (options) => ({
      ...options,
      controller: undefined,
    }),
  ),
  wrong(
    'throws when somebody else has settled',
    'controller: settled by somebody else while its task runs, the executor goes on',
    (inner) => ({
      submit: (task, options = {}) =>
        inner.submit(async (context) => {
          const value: unknown = await task(context)
          if (options.controller !== undefined) queueMicrotask(() => options.controller?.resolve(value))
          return value
        }, options),
    }),
    { isLoud: true },
  ),
  wrong(
    'fails where nobody can catch it',
    'A failure that nobody asks for is no unhandledRejection',
    (inner) => ({
      submit(task, options) {
        const future = inner.submit(task, options)
        void future.result()
        return future
      },
    }),
    { isLoud: true },
  ),
  wrong(
    'runs tasks in its own async context',
    'submit() runs a task in the async context of its submitter',
    (inner) => {
      const resource = new AsyncResource('Own')
      return {
        submit: (task, options) =>
          inner.submit(
            typeof task === 'function'
              ? (context) => resource.runInAsyncScope(task as Task<unknown>, null, context)
              : task,
            options,
          ),
      }
    },
  ),
  wrong(
    'knows no task references',
    'submit() takes a task reference: its arguments first, the context last',
    (inner) => ({
      submit(task, options) {
        if (typeof task !== 'function') throw new TypeError('Expected a function')
        return inner.submit(task as Task<unknown>, options)
      },
    }),
  ),
  wrong('accepts anything', 'submit() refuses bad arguments by throwing, and counts nothing', (inner) => ({
    submit(task, options) {
      try {
        return inner.submit(task, options)
      } catch {
        return inner.submit(() => undefined)
      }
    },
  })),
]
