import { UserScope, userScope, type ScopeHolder } from '../user-scope.ts'
import { executorTimes } from './executor-times.ts'
import type { Group, PriorityLevel } from './group-queue.ts'
import type { QueuedTask } from './queued-task.ts'

/** Code found on a worker in so many looks in a row has held it for a second. A blocked event loop counts as one look. */
const enough = 5

/** What HeldWorkers sees of an executor. */
export interface WorkerView {
  readonly maxWorkers: number
  /** Tasks that have started and not ended. */
  readonly alive: Iterable<QueuedTask>
  isPaused(): boolean
}

/**
 * Warns of a deadlock, once: users' code (hooks, auth functions, tasks) holds all workers, and one of these waits for
 * something that is queued behind them. An executor can neither forbid that nor resolve it.
 *
 * It looks only at queued tasks that such code waits for: long tasks, slow servers, and follow-ups that nobody waits for
 * cause no warning.
 */
export class HeldWorkers {
  readonly #view: WorkerView
  /** Awaited tasks that were queued when `watch` was called. */
  readonly #awaited = new Set<QueuedTask>()
  /** In how many looks in a row each scope was found on a worker. */
  #sightings = new Map<UserScope, number>()
  #timer: NodeJS.Timeout | undefined
  #hasWarned = false

  constructor(view: WorkerView) {
    this.#view = view
  }

  /** Code inside a UserScope waits for this queued task. */
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
    // The timer keeps the process alive: the warning must come even if the deadlock is all that is left.
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
