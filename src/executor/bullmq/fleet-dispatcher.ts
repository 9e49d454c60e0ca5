import { clearTimeout, setTimeout } from 'node:timers'
import { notCloneable } from '../../cloneable.ts'
import { BrokenExecutorError } from '../../errors.ts'
import type { QueuedTask } from '../queued-task.ts'
import type { SharedValue } from '../remote.ts'
import { decodeValue, encodeValue } from './codec.ts'
import { ignore } from './redis-errors.ts'
import { FleetLink, type LinkOwner } from './fleet-link.ts'
import type { ResolvedExecutorOptions } from './fleet-options.ts'
import type { Carrier, FleetTask, SentJob } from './fleet-task.ts'
import { FleetWatch, type WatchOwner } from './fleet-watch.ts'
import { JobSender, type SenderOwner } from './job-sender.ts'
import { LargeResults, type ResultTaker } from './large-results.ts'
import { decodeThrown, problemOf, type RefusedJob, type TaskWord, type Word } from './protocol.ts'
import { TaskRecovery } from './task-recovery.ts'
import { SharedStore } from './shared-store.ts'
import { times } from './times.ts'

/** Called when a task has begun. @returns false if it must not run */
export type Begin = (task: QueuedTask) => boolean

/** Follows tasks from when they are handed over until they are over: which worker has them, and what becomes of them. */
export class FleetDispatcher implements Carrier, LinkOwner, SenderOwner, WatchOwner, ResultTaker {
  readonly link: FleetLink
  readonly sender: JobSender
  readonly recovery: TaskRecovery
  readonly #watch: FleetWatch
  readonly #shared: SharedStore
  readonly #begin: Begin
  /** Tasks that were handed over and are not over. */
  readonly tasks = new Set<FleetTask>()
  /** Jobs that workers have yet to remove from the queue. */
  readonly #leftJobs = new Set<string>()
  readonly #results: LargeResults

  constructor(options: ResolvedExecutorOptions, begin: Begin) {
    this.#begin = begin
    this.link = new FleetLink(options, this)
    this.#shared = new SharedStore((key) => this.#forgetKey(key))
    this.sender = new JobSender(this.link, this.#shared, options, this)
    const { maxDeliveries } = options
    const { link, sender, tasks } = this
    this.recovery = new TaskRecovery({ link, sender, tasks, shared: this.#shared, maxDeliveries })
    this.#results = new LargeResults(link, this)
    this.#watch = new FleetWatch(this.link, this, options)
  }

  get workerCount(): number {
    return this.#watch.workerCount
  }

  /** @returns a promise of the outcome */
  send(task: FleetTask, queued: QueuedTask): Promise<unknown> {
    if (this.tasks.size === 0) {
      this.link.want(true)
      this.#watch.start()
    }
    this.tasks.add(task)
    const outcome = task.begin(queued)
    this.sender.push(task, false)
    const forget = (): void => this.#forget(task)
    outcome.then(forget, forget)
    return outcome
  }

  stop(task: FleetTask, reason: unknown): void {
    if (task.isStopped) return
    task.isStopped = true
    if (task.stage === 'unsent') {
      this.sender.remove(task)
      task.fulfil(undefined)
    } else if (task.stage === 'sent') {
      this.recovery.stopLater(task)
    } else {
      this.recovery.abort(task, reason)
    }
  }

  tell(task: FleetTask, message: unknown): void {
    this.link.orders.tell(task.worker as string, ['post', task.number, encodeValue(message)])
  }

  forgetShared(value: SharedValue): void {
    this.#shared.forget(value)
  }

  *keysToKeep(): Iterable<string> {
    const { id, keys } = this.link
    for (const key of this.#shared.keys) yield keys.shared(id, key)
    yield* this.sender.largeKeys
  }

  handleReady(wasLost: boolean): void {
    this.#watch.handleReady()
    if (wasLost) this.#watch.search(this.recovery.handleDataLoss())
    this.#results.fetchAll()
    this.sender.sendLater()
  }

  handleMissing(task: FleetTask): void {
    this.recovery.handleMissing(task, [])
  }

  handleUnsure(job: SentJob): void {
    this.recovery.recoverJob(job, 'unsure')
  }

  receive(worker: string, word: Word): void {
    switch (word[0]) {
      case 'taken':
        return this.#handleTaken(worker, word[1], word[2])
      case 'again':
        return this.#handleAgain(word[1])
      case 'here':
        return this.#watch.handleHere(worker, word[1], word[2])
      case 'mark':
        return
      case 'started':
      case 'message':
        break
      default:
        // The worker no longer has it.
        this.link.revocations.unrevoke([word[1]])
    }
    this.#hear(worker, this.sender.tasks.get(word[1]), word)
  }

  #hear(worker: string, task: FleetTask | undefined, word: TaskWord): void {
    const isLarge = word[0] === 'fulfilled' && word[2] === null
    if (task === undefined || task.stage === 'over') return isLarge ? this.#results.throwAway(word[1]) : undefined
    if (isLarge) return void this.#results.fetch(task)
    switch (word[0]) {
      case 'started':
        return this.#handleStarted(task, worker)
      case 'message':
        return task.handleMessage(decodeValue(word[2]))
      case 'fulfilled':
        return this.fulfil(task, word[2] as Uint8Array)
      case 'rejected':
        return this.reject(task, decodeThrown(word[2]))
      case 'back':
        return this.recovery.resend(task)
      case 'missing':
        return this.recovery.handleMissing(task, word[2])
      case 'stopped':
        return this.recovery.handleLost(task, 'was closed')
    }
  }

  refuse(refusal: RefusedJob): void {
    const job = this.sender.jobs.get(refusal.job)
    // Another worker was able to read it.
    if (job === undefined || job.worker !== undefined) return
    for (const task of [...job.tasks]) {
      this.sender.forget(task)
      task.fail(new BrokenExecutorError(`Can't run \`${task.name}\` in the fleet: ${problemOf(refusal)}`))
    }
  }

  /** Removes everything of this submitter from Redis. */
  async close(): Promise<void> {
    this.#watch.stop()
    if (this.link.isUp) {
      // Keeps the process alive until then, unless Redis goes away meanwhile.
      this.link.want(true)
      const timer = setTimeout(() => this.link.abandon(), times.farewell)
      await this.recovery.settle()
      await this.#watch.waitUntilGone([...this.#leftJobs])
      await this.link.clear()
      clearTimeout(timer)
    }
    await this.link.close()
  }

  #handleTaken(worker: string, number: number, begun: readonly number[]): void {
    const job = this.sender.jobs.get(number)
    if (job === undefined) return
    job.worker = worker
    this.sender.untakenJobs.delete(job)
    this.#watch.noteWorker(worker)
    for (const task of job.tasks) {
      if (task.stage !== 'sent') continue
      task.stage = 'taken'
      task.worker = worker
      // It was cancelled while the worker took it: the messages have crossed.
      if (task.isStopped) this.recovery.abort(task, undefined)
    }
    for (const each of begun) this.#hear(worker, this.sender.tasks.get(each), ['started', each])
    this.sender.sendLater()
  }

  #handleStarted(task: FleetTask, worker = task.worker): void {
    if (task.stage === 'begun') return
    // The message that it was taken may have been lost.
    task.worker = worker
    task.stage = 'begun'
    if (task.hasBegun) return
    task.hasBegun = task.key.runInAsyncScope(this.#begin, undefined, task.key)
    if (task.hasBegun) task.handleSent()
    else this.stop(task, undefined)
  }

  #handleAgain(number: number): void {
    const job = this.sender.jobs.get(number)
    if (job !== undefined && job.worker === undefined) this.recovery.recoverJob(job, 'again')
  }

  fulfil(task: FleetTask, bytes: Uint8Array): void {
    this.#handleStarted(task)
    let value: unknown
    try {
      value = decodeValue(bytes)
    } catch (error) {
      return this.reject(task, notCloneable(`Can't read the result of \`${task.name}\``, undefined, error))
    }
    this.#leave(task)
    task.fulfil(value)
  }

  reject(task: FleetTask, error: unknown): void {
    this.#leave(task)
    task.fail(error)
  }

  #leave(task: FleetTask): void {
    const { id } = task.job as SentJob
    this.#leftJobs.delete(id)
    this.#leftJobs.add(id)
    // The oldest jobs are removed by now.
    if (this.#leftJobs.size > 256) for (const each of [...this.#leftJobs].slice(0, 128)) this.#leftJobs.delete(each)
  }

  #forget(task: FleetTask): void {
    this.tasks.delete(task)
    this.#results.forget(task)
    this.sender.forget(task)
    if (this.tasks.size > 0) return
    this.#watch.stop()
    this.link.want(false)
  }

  #forgetKey(key: number): void {
    const { id, keys, redis, isUp } = this.link
    if (isUp) redis.del(keys.shared(id, key)).catch(ignore)
    for (const worker of this.#watch.workers) this.link.orders.tell(worker, ['forget', key])
  }
}
