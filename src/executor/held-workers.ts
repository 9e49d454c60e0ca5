import { UserScope, userScope, type ScopeHolder } from '../user-scope.ts'
import { executorTimes } from './executor-times.ts'
import type { Group, PriorityLevel } from './group-queue.ts'
import type { QueuedTask } from './queued-task.ts'

/** Code that was found on a worker so often in a row has held it for a second; an event loop that was blocked counts once. */
const enough = 5

/** Of an executor, what is looked at. */
export interface WorkerView {
  readonly maxWorkers: number
  /** Tasks that have started and not ended. */
  readonly alive: Iterable<QueuedTask>
  isPaused(): boolean
}

/**
 * Tells of a deadlock, once: all workers are held by code of users (hooks, auth functions, tasks), and one of these waits
 * for something that is queued behind them. That can't be forbidden, and nothing can be done about it here.
 *
 * Only what is waited for from inside of such code is looked at, and only while it is queued: long tasks, slow servers and
 * follow-ups that nobody waits for are no reason to warn.
 */
export class HeldWorkers {
  readonly #view: WorkerView
  /** Queued, when they came here. */
  readonly #awaited = new Set<QueuedTask>()
  /** How often in a row each scope was found on a worker. */
  #sightings = new Map<UserScope, number>()
  #timer: NodeJS.Timeout | undefined
  #hasWarned = false

  constructor(view: WorkerView) {
    this.#view = view
  }

  /** From inside of a scope somebody waits for this task, which is queued. */
  watch(task: QueuedTask): void {
    if (this.#hasWarned) return
    this.#awaited.add(task)
    if (this.#timer === undefined) this.#look()
  }

  #look(): void {
    this.#timer = undefined
    for (const task of this.#awaited) if (!task.isWaiting) this.#awaited.delete(task)
    if (this.#awaited.size === 0) return this.#sightings.clear()
    this.#count()
    if (!this.#view.isPaused() && this.#warns()) return
    // It keeps the process alive: that a deadlock is all that is left is what has to be told.
    this.#timer = setTimeout(() => this.#look(), executorTimes.heldInterval)
    if (this.#view.isPaused()) this.#timer.unref()
  }

  #count(): void {
    const sightings = new Map<UserScope, number>()
    for (const task of this.#view.alive) {
      const scope = scopeOf(task)
      if (scope !== undefined) sightings.set(scope, (this.#sightings.get(scope) ?? 0) + 1)
    }
    this.#sightings = sightings
  }

  #warns(): boolean {
    const alive = [...this.#view.alive]
    const holders = alive.length < this.#view.maxWorkers ? undefined : this.#holders(alive)
    const groups = new Map<Group, ReadonlySet<UserScope> | undefined>()
    for (const task of this.#awaited) {
      if (isWaitedForIn(holders, task)) return this.#warn(`All workers (\`maxWorkers\`: ${alive.length})`)
      const { group, limit } = queueOf(task)
      if (group.aliveCount < limit) continue
      if (!groups.has(group)) groups.set(group, this.#holders(alive.filter((each) => queueOf(each).group === group)))
      if (isWaitedForIn(groups.get(group), task)) {
        const limits = '`maxPerGroup`, or `maxWorkersPerOrigin` beside `maxWorkers`'
        return this.#warn(`All workers of a group (${limits}: ${limit})`)
      }
    }
    return false
  }

  /** @returns the scopes that hold the workers of these tasks; `undefined` if one is not held, or not long enough */
  #holders(tasks: readonly QueuedTask[]): ReadonlySet<UserScope> | undefined {
    const scopes = new Set<UserScope>()
    for (const task of tasks) {
      const scope = scopeOf(task)
      if (scope === undefined || (this.#sightings.get(scope) as number) < enough) return undefined
      scopes.add(scope)
    }
    return scopes
  }

  #warn(workers: string): true {
    this.#hasWarned = true
    this.#awaited.clear()
    this.#sightings.clear()
    const warning = `${workers} have been held for a second by hooks, auth functions or tasks, and one of these waits for something that is queued behind them, maybe for ever. Ask through the inner session (\`context.session\` in hooks, \`session.session\` elsewhere), which needs no worker; for tasks, use another executor or more workers (README, "Hooks")`
    process.emitWarning(warning, { type: 'HeldWorkersWarning', code: 'UNDICI_FUTURES_HELD_WORKERS' })
    return true
  }
}

function scopeOf({ controller, work }: QueuedTask): UserScope | undefined {
  return work instanceof UserScope ? work : (controller as Partial<ScopeHolder>)[userScope]
}

function queueOf(task: QueuedTask): PriorityLevel['queue'] {
  return (task.level as PriorityLevel).queue
}

function isWaitedForIn(scopes: ReadonlySet<UserScope> | undefined, { controller }: QueuedTask): boolean {
  if (scopes === undefined) return false
  return UserScope.waitingFor(controller.future).some((scope) => !scope.isOver && scope.isWithin(scopes))
}
