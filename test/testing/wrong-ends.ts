import { FutureController } from '../../src/future/future-controller.ts'
import { Future } from '../../src/future/future.ts'
import { never, wrong, wrongOptions, wrongShutdown, type WrongExecutor } from './wrong-executor.ts'

/** Those that cancel, count, try again or end in a wrong way. */
export const wrongEnds: readonly WrongExecutor[] = [
  wrongOptions('ignores the signal', 'signal: aborted while the task waits, it never runs', (options) => ({
    ...options,
    signal: undefined,
  })),
  wrongOptions(
    'ignores a signal that was aborted before',
    'signal: aborted before submit(), the future is cancelled and the task never runs',
    (options) => (options.signal?.aborted === true ? { ...options, signal: undefined } : options),
  ),
  wrongOptions(
    'leaves its listener on the signal',
    'signal: its listener is gone when the futures are done',
    (options) => {
      options.signal?.addEventListener('abort', () => {})
      return options
    },
  ),
  wrong('keeps what was cancelled', 'cancel() lets go of the task that waited', (inner) => {
    const kept: unknown[] = []
    return { submit: (task, options) => (kept.push(task), inner.submit(task, options)) }
  }),
  wrong('cancels without counting', 'cancel() settles a waiting task at once, and forgets it', (inner) => ({
    stats: () => ({ ...inner.stats(), cancelled: 0 }),
  })),
  wrong('counts the cancelled as rejected', 'stats() counts futures by state, in every phase', (inner) => ({
    stats() {
      const { rejected, cancelled, ...rest } = inner.stats()
      return { ...rest, rejected: rejected + cancelled, cancelled: 0 }
    },
  })),
  wrong('counts a task before it starts', 'stats() counts futures by state, in every phase', (inner) => ({
    stats() {
      const { pending, running, ...rest } = inner.stats()
      return { ...rest, pending: 0, running: pending + running }
    },
  })),
  wrong(
    'counts every attempt',
    'continuation: a running controller goes to the front of its priority, counted once',
    (inner) => {
      let attempts = 0
      return {
        submit(task, options) {
          if (options?.controller?.future.running() === true) attempts++
          return inner.submit(task, options)
        },
        stats: () => ({ ...inner.stats(), pending: inner.stats().pending + attempts }),
      }
    },
  ),
  wrong(
    'sends the next attempt to the back',
    'continuation: a running controller goes to the front of its priority, counted once',
    (inner) => ({
      submit: (task, options) =>
        options?.controller?.future.running() === true
          ? inner.submit(task, { ...options, priority: (options.priority ?? 0) - 0.5 })
          : inner.submit(task, options),
    }),
  ),
  wrong(
    'refuses the next attempt while it shuts down',
    'continuation: accepted while the executor shuts down, which waits for it',
    (inner) => {
      let isClosed = false
      return {
        submit(task, options) {
          if (isClosed) throw new Error('closed')
          return inner.submit(task, options)
        },
        shutdown: (options) => ((isClosed = true), inner.shutdown(options)),
      }
    },
  ),
  wrong(
    'does not cancel what waits for its next attempt',
    'continuation: shutdown({ cancelRunning: true }) cancels what waits for its next attempt',
    (inner) => ({
      submit: (task, options) => inner.submit(task, options),
      shutdown: ({ cancelRunning: _, ...rest } = {}) => inner.shutdown(rest),
    }),
  ),
  wrong('accepts after shutdown', 'shutdown(): submit() throws an ExecutorClosedError from then on', (inner) => ({
    submit(task, options) {
      try {
        return inner.submit(task, options)
      } catch {
        return new Future()
      }
    },
  })),
  wrong('rejects instead of throwing', 'shutdown(): submit() throws an ExecutorClosedError from then on', (inner) => ({
    submit(task, options) {
      try {
        return inner.submit(task, options)
      } catch (error) {
        const controller = new FutureController()
        controller.reject(error)
        return controller.future
      }
    },
  })),
  wrongShutdown(
    'resolves shutdown() too early',
    'shutdown() runs what waits, and resolves when all work is over',
    (options) => ({
      ...options,
      wait: false,
    }),
  ),
  wrong(
    'waits for futures, not for work',
    'shutdown() waits for work whose future was cancelled or settled before',
    (inner) => {
      const futures: Future<unknown>[] = []
      return {
        submit(task, options) {
          const future = inner.submit(task, options)
          futures.push(future)
          return future
        },
        async shutdown(options) {
          void inner.shutdown(options)
          await Promise.allSettled(futures.map((future) => future.result()))
        },
      }
    },
  ),
  wrongShutdown('always waits', 'shutdown({ wait: false }) resolves at once, and the work goes on', (options) => ({
    ...options,
    wait: true,
  })),
  wrongShutdown(
    'cancels what waits without being asked',
    'shutdown() runs what waits, and resolves when all work is over',
    (options) => ({
      ...options,
      cancelPending: true,
    }),
  ),
  wrongShutdown(
    'ignores cancelPending',
    'shutdown({ cancelPending: true }) cancels what waits; what runs goes on',
    (options) => ({
      ...options,
      cancelPending: false,
    }),
  ),
  wrongShutdown(
    'ignores cancelRunning',
    'shutdown({ cancelRunning: true }) tells what runs, and waits until it has stopped',
    (options) => ({
      ...options,
      cancelRunning: false,
    }),
  ),
  wrongShutdown(
    'takes cancelRunning for cancelPending, too',
    'shutdown({ cancelRunning: true }) runs what waits',
    (options) => ({
      ...options,
      cancelPending: options.cancelRunning === true,
    }),
  ),
  wrong('never settles what it drops at shutdown', 'shutdown() leaves no future open', (inner) => ({
    submit(task, options = {}) {
      const controller = options.controller ?? new FutureController()
      const own = inner.submit(task, { ...options, controller: undefined })
      own.addDoneCallback(() => own.cancelled() || controller.future.done() || controller.resolve(undefined))
      return controller.future
    },
  })),
  wrong(
    'fails at the second shutdown',
    'shutdown() again is no error, and resolves when the work is over, too',
    (inner) => {
      let calls = 0
      return {
        shutdown: (options) => (++calls > 1 ? Promise.reject(new Error('closed')) : inner.shutdown(options)),
      }
    },
  ),
  wrong('ignores what a later shutdown() adds', 'shutdown() again may add cancelPending and cancelRunning', (inner) => {
    let over: Promise<void> | undefined
    return { shutdown: (options) => (over ??= inner.shutdown(options)) }
  }),
  wrong('cancels its queue when disposed', '[Symbol.asyncDispose]() runs the queue', (inner) => ({
    [Symbol.asyncDispose]: () => inner.shutdown({ cancelPending: true }),
  })),
  wrong('never ends', 'shutdown() of an executor without work resolves', () => ({ shutdown: () => never })),
]
