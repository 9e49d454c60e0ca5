import { describe, expect, test } from 'vitest'
import { BrokenExecutorError, QueueFullError } from '../../src/errors.ts'
import type { Task, TaskContext } from '../../src/executor/executor.ts'
import { InProcessExecutor } from '../../src/executor/in-process-executor.ts'
import type { QueuedTask } from '../../src/executor/queued-task.ts'
import { TaskScheduler, type SchedulerHost } from '../../src/executor/task-scheduler.ts'
import { FutureController } from '../../src/future/future-controller.ts'
import type { Future } from '../../src/future/future.ts'
import { gate, turn } from '../helpers/gate.ts'
import { straysOf } from '../helpers/strays.ts'

/** Starts nothing by itself, and counts how often it was told to look. */
class Host implements SchedulerHost {
  balances = 0
  readonly scheduler = new TaskScheduler(this, {})

  perform(task: QueuedTask, context: TaskContext): unknown {
    return (task.work as (context: TaskContext) => unknown)(context)
  }

  balance(): void {
    this.balances++
  }
}

const never = (): Promise<never> => new Promise(() => {})

describe('TaskScheduler', () => {
  test('tells its host in a microtask, once for everything that one turn has submitted', async () => {
    const host = new Host()
    host.scheduler.submit(never)
    host.scheduler.submit(never)
    expect([host.balances, host.scheduler.hasReady]).toEqual([0, true])
    await turn()
    expect(host.balances).toBe(1)
  })

  test('tells its host at once when nothing is ready any more', async () => {
    const host = new Host()
    const [first, second] = [host.scheduler.submit(never), host.scheduler.submit(never)]
    await turn()
    first.cancel()
    expect([host.balances, host.scheduler.hasReady]).toEqual([1, true])
    second.cancel()
    expect([host.balances, host.scheduler.hasReady]).toEqual([2, false])
  })

  test('.startNext() passes over a task whose future is settled, though the scheduler has yet to hear of it', () => {
    const { scheduler } = new Host()
    const controller = new FutureController<string>()
    const starts: boolean[] = []
    // Before the scheduler's own, which submit() adds.
    controller.future.addDoneCallback(() => starts.push(scheduler.startNext(() => expect.unreachable())))
    scheduler.submit(() => expect.unreachable(), { controller })
    controller.resolve('by somebody else')
    expect(starts).toEqual([false])
    expect([scheduler.hasReady, scheduler.aliveCount]).toEqual([false, 0])
    expect(scheduler.stats()).toMatchObject({ pending: 0, running: 0, fulfilled: 1 })
  })

  test('.startNext() calls back when the work has ended, never before it has returned', async () => {
    const { scheduler } = new Host()
    const order: string[] = []
    const works: Task<unknown>[] = [() => 'value', () => Promise.resolve(), failing, () => Promise.reject(new Error())]
    for (const work of works) {
      scheduler.submit(work)
      scheduler.startNext(() => order.push(`ended, ${scheduler.aliveCount} alive`))
      order.push(`started, ${scheduler.aliveCount} alive`)
      await turn()
    }
    expect(order).toEqual(Array.from({ length: 4 }, () => ['started, 1 alive', 'ended, 0 alive']).flat())
    expect(scheduler.startNext(() => expect.unreachable())).toBe(false)
  })

  test('passes over a task that its own controller refuses to start', async () => {
    const { scheduler } = new Host()
    class Reluctant extends FutureController<unknown> {
      override start(): boolean {
        this.future.cancel('no')
        return super.start()
      }
    }
    class Hasty extends FutureController<unknown> {
      override start(): boolean {
        return super.start() && this.resolve('done before it began')
      }
    }
    const options = { group: 'a', maxPerGroup: 1 }
    const refused = scheduler.submit(() => expect.unreachable(), { ...options, controller: new Reluctant() })
    const settled = scheduler.submit(() => expect.unreachable(), { ...options, controller: new Hasty() })
    const next = scheduler.submit(() => 1, options)
    expect(scheduler.startNext(() => {})).toBe(true)
    expect([refused, settled, next].map(({ state }) => state)).toEqual(['cancelled', 'fulfilled', 'running'])
    await next.result()
    expect(scheduler.stats()).toEqual({ pending: 0, running: 0, fulfilled: 2, rejected: 0, cancelled: 1 })
  })

  test.each([false, true])(
    'passes over a task whose settlement it has not heard of yet (running: %o)',
    async (running) => {
      const executor = new InProcessExecutor({ maxWorkers: 1 })
      let runs = 0
      executor.pause()
      const controller = new FutureController<unknown>()
      if (running) controller.start()
      // Told before the executor is.
      controller.future.addDoneCallback(() => executor.resume())
      executor.submit(() => runs++, { controller })
      await turn()
      controller.future.cancel()
      await turn()
      expect(runs).toBe(0)
      expect(executor.stats()).toMatchObject({ pending: 0, running: 0, cancelled: running ? 0 : 1 })
      expect(await executor.submit(() => 1).result()).toBe(1)
      await executor.shutdown()
    },
  )

  test('frees the worker when a controller of its own throws', async () => {
    const executor = new InProcessExecutor({ maxWorkers: 1 })
    class Broken extends FutureController<unknown> {
      override resolve(value: unknown): boolean {
        super.resolve(value)
        throw new Error('from resolve')
      }
    }
    const strays = await straysOf(async () => {
      executor.submit(() => Promise.resolve(1), { controller: new Broken() })
      expect(await executor.submit(() => 2).result()).toBe(2)
    })
    expect(strays).toEqual([new Error('from resolve')])
  })
})

describe('TaskScheduler tells its host that something became ready', () => {
  const group = { group: 'a', maxPerGroup: 1 }

  /** One of a group runs, another waits for it, and for a while something else was ready. */
  async function setUp(distraction: FutureController<unknown>): Promise<{ host: Host; end: () => void }> {
    const host = new Host()
    const hold = gate()
    host.scheduler.submit(() => hold.promise, group)
    host.scheduler.startNext(() => {})
    host.scheduler.submit(never, group)
    host.scheduler.submit(never, { controller: distraction })
    await turn()
    expect(host.scheduler.hasReady).toBe(true)
    return { host, end: () => hold.open() }
  }

  async function expectNews({ host, end }: { host: Host; end: () => void }): Promise<void> {
    await turn()
    expect(host.scheduler.hasReady).toBe(false)
    host.balances = 0
    end()
    await turn()
    expect([host.scheduler.hasReady, host.balances]).toEqual([true, 1])
  }

  test('after what was ready before has been cancelled', async () => {
    const distraction = new FutureController<unknown>()
    const scene = await setUp(distraction)
    distraction.future.cancel()
    await expectNews(scene)
  })

  test('after what was ready before has started', async () => {
    const scene = await setUp(new FutureController<unknown>())
    scene.host.scheduler.startNext(() => {})
    await expectNews(scene)
  })

  test('after what was ready before has refused to start', async () => {
    class Reluctant extends FutureController<unknown> {
      override start(): boolean {
        this.future.cancel()
        return super.start()
      }
    }
    const scene = await setUp(new Reluctant())
    expect(scene.host.scheduler.startNext(() => {})).toBe(false)
    await expectNews(scene)
  })
})

describe('TaskScheduler.break()', () => {
  test('rejects what waits, each with an error of its own, and lets what runs go on', async () => {
    const { scheduler } = new Host()
    const hold = gate<string>()
    const running = scheduler.submit(() => hold.promise)
    scheduler.startNext(() => {})
    const waiting = [scheduler.submit(never), scheduler.submit(never, { group: 'a', priority: 1 })]
    const cause = new Error('no threads')
    scheduler.break(cause)
    scheduler.break(new Error('again'))
    const errors = waiting.map((future) => future.exceptionNow() as Error)
    for (const error of errors) {
      expect(error).toBeInstanceOf(BrokenExecutorError)
      expect(error).toMatchObject({ message: "The executor can't run tasks: no threads", cause })
    }
    expect(errors[0]).not.toBe(errors[1])
    hold.open('value')
    expect(await running.result()).toBe('value')
    await scheduler.onIdle()
  })

  test('makes submit() throw the same', () => {
    const { scheduler } = new Host()
    scheduler.break('text')
    expect(() => scheduler.submit(never)).toThrow(BrokenExecutorError)
    expect(() => scheduler.submit(never)).toThrow("The executor can't run tasks: text")
    expect(scheduler.stats().pending).toBe(0)
  })

  test('rejects work that waits for its next attempt', async () => {
    const { scheduler } = new Host()
    class Again extends FutureController<unknown> {
      override resolve(): boolean {
        return true
      }
    }
    const rest = (): Future<unknown> => {
      const future = scheduler.submit(() => 1, { controller: new Again() })
      scheduler.startNext(() => {})
      return future
    }
    const [resting, other] = [rest(), rest()]
    await turn()
    other.addDoneCallback(() => resting.cancel())
    resting.addDoneCallback(() => other.cancel())
    scheduler.break(new Error('broken'))
    expect([resting.state, other.state].toSorted()).toEqual(['cancelled', 'rejected'])
    await scheduler.onIdle()
  })
})

function failing(): never {
  throw new Error('failing')
}

/** Begins tasks when it is told to, long after it was given them. */
class LateHost implements SchedulerHost {
  readonly startsLate = true
  readonly taken: QueuedTask[] = []
  readonly ends: ((value: unknown) => void)[] = []
  readonly scheduler = new TaskScheduler(this, { maxQueue: 2 })

  perform(task: QueuedTask): unknown {
    this.taken.push(task)
    return new Promise((resolve) => this.ends.push(resolve))
  }

  balance(): void {
    while (this.scheduler.hasReady && this.scheduler.startNext(() => undefined));
  }

  first(): QueuedTask {
    return this.taken[0] as QueuedTask
  }
}

describe('TaskScheduler of a host that starts late', () => {
  test('leaves futures pending until the host says that their work has begun', async () => {
    const host = new LateHost()
    const future = host.scheduler.submit(never)
    await turn()
    expect([host.taken.length, future.state, host.scheduler.aliveCount]).toEqual([1, 'pending', 1])
    expect(host.scheduler.stats()).toMatchObject({ pending: 1, running: 0 })
    expect(host.scheduler.begin(host.first())).toBe(true)
    expect(future.state).toBe('running')
    expect(host.scheduler.stats()).toMatchObject({ pending: 0, running: 1 })
    host.ends[0]?.('done')
    expect(await future.result()).toBe('done')
    expect(host.scheduler.stats()).toMatchObject({ running: 0, fulfilled: 1 })
  })

  test('counts what has not begun for `maxQueue`, handed over or not', async () => {
    const host = new LateHost()
    host.scheduler.submit(never)
    host.scheduler.submit(never)
    await turn()
    expect(host.taken).toHaveLength(2)
    expect(() => host.scheduler.submit(never)).toThrow(QueueFullError)
    host.scheduler.begin(host.first())
    expect(host.scheduler.submit(never).state).toBe('pending')
  })

  test.each([
    ['cancelPending', ['cancelled', 'running']],
    ['cancelRunning', ['pending', 'cancelled']],
  ])('cancels by `%s` what the future says, not what was handed over', async (option, states) => {
    const host = new LateHost()
    const futures = [host.scheduler.submit(never), host.scheduler.submit(never)]
    await turn()
    host.scheduler.begin(host.taken[1] as QueuedTask)
    void host.scheduler.shutdown({ [option]: true })
    expect(futures.map((future) => future.state)).toEqual(states)
  })

  test('.begin() refuses what was cancelled meanwhile, and continues what was begun before', async () => {
    const host = new LateHost()
    const controller = new FutureController<unknown>()
    controller.start()
    const next = host.scheduler.submit(never, { controller })
    const cancelled = host.scheduler.submit(never)
    await turn()
    cancelled.cancel()
    expect(host.taken.map((task) => host.scheduler.begin(task))).toEqual([true, false])
    expect(next.state).toBe('running')
    void host.scheduler.shutdown({ cancelPending: true })
    expect(next.state).toBe('running')
  })
})
