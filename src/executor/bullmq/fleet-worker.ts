import { randomUUID } from 'node:crypto'
import { clearTimeout, setTimeout } from 'node:timers'
import { checkTimeout } from '../../checks.ts'
import { ExecutorClosedError } from '../../errors.ts'
import { checkOptionNames } from '../../unknown-option.ts'
import { RedisConnection } from './redis-connection.ts'
import { JobLoop, type JobTaker, type TakenJob } from './job-loop.ts'
import { Keys } from './keys.ts'
import { Submitters } from './submitters.ts'
import { Presence } from './presence.ts'
import { makeRunner, type Runner } from './runners.ts'
import { Sealer } from './sealer.ts'
import type { WorkerEndpoint } from './submitter-channel.ts'
import { JobReader } from './job-reader.ts'
import { times } from './times.ts'
import type { ResolvedWorkerOptions } from './worker-options.ts'
import type { WorkerTask } from './worker-task.ts'

/** How a worker is closed. */
export interface CloseWorkerOptions {
  /** After how many ms running tasks are cancelled. @default never */
  timeout?: number | undefined
}

/** An open worker of a fleet. */
export interface FleetWorker extends AsyncDisposable {
  /** The worker's id, as error messages show it. */
  readonly id: string
  /**
   * Takes nothing more; what runs ends; what has not begun goes back to its submitter, and is sent to another worker. What is
   * cancelled because of `timeout` is done elsewhere if it is idempotent; else its future is rejected with a WorkerCrashedError.
   *
   * @returns a promise that resolves when all of it is over, and said: without `timeout` it waits for Redis, too. It never
   *   rejects.
   * @throws {TypeError} a bad timeout, an option that does not exist
   */
  close(options?: CloseWorkerOptions): Promise<void>
}

export class OpenWorker implements FleetWorker, JobTaker {
  readonly id = randomUUID()
  readonly #options: ResolvedWorkerOptions
  readonly #end: WorkerEndpoint
  readonly #commands: RedisConnection
  readonly #reading: RedisConnection
  readonly #presence: Presence
  readonly #jobs: JobLoop
  readonly #runner: Runner
  readonly #jobReader: JobReader
  readonly #submitters: Submitters
  /** Tasks that were taken and have not begun. */
  readonly #waiting: WorkerTask[] = []
  #atWork = 0
  #arriving = 0
  #isClosing = false
  /** It closes, and has given up tasks that did not stop when they were cancelled. */
  #isGivenUp = false
  #closed: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  constructor(options: ResolvedWorkerOptions) {
    const { connection, prefix, queueName, secret, onError, workerTimeout } = options
    this.#options = options
    this.#commands = new RedisConnection(connection, { resends: true, isWanted: true }, onError)
    this.#reading = new RedisConnection(connection, { resends: true, isWanted: true }, onError)
    const { redis } = this.#commands
    const [keys, sealer] = [new Keys(prefix, queueName), new Sealer(secret, this.id)]
    this.#end = { id: this.id, redis, keys, sealer, onError, lastLetter: 0 }
    const subscription = new RedisConnection(connection, { resends: true, isWanted: true }, onError)
    this.#presence = new Presence(this.#end, subscription, workerTimeout)
    this.#jobs = new JobLoop(this.#end, options, this)
    this.#runner = makeRunner(options)
    this.#submitters = new Submitters(this.#end, this.#reading, (task) => this.#strikeOut(task))
    this.#jobReader = new JobReader(this.#end, options, (task) => this.#handleOver(task))
  }

  /** How many more tasks it may take. */
  get room(): number {
    return this.#options.concurrency - this.#atWork - this.#waiting.length - this.#arriving
  }

  async open(): Promise<this> {
    this.#commands.want(true)
    this.#reading.want(true)
    try {
      await this.#presence.open()
      this.#submitters.open()
      await this.#jobs.open()
      return this
    } catch (error) {
      await this.close()
      throw error
    }
  }

  take(job: TakenJob): void {
    this.#arriving++
    void this.#accept(job)
      .then(
        (tasks) => this.#arrive(tasks),
        (error: unknown) => this.#options.onError(error),
      )
      .finally(() => {
        this.#arriving--
        this.#settle(job)
        this.#fill()
      })
  }

  close(options: CloseWorkerOptions = {}): Promise<void> {
    checkOptionNames(options, ['timeout'])
    const timeout = checkTimeout('timeout', options.timeout)
    this.#closed ??= this.#close()
    if (timeout !== Infinity) this.#cancelAfter(timeout)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @returns the tasks of the job, in order. The submitter knows of those that begin at once. */
  async #accept(job: TakenJob): Promise<readonly WorkerTask[]> {
    const letter = this.#jobReader.read(job, (id) => this.#submitters.channelOf(id))
    if (letter === undefined) return []
    const tasks = await this.#jobReader.unpack(letter)
    const room = this.#isClosing ? 0 : Math.max(0, this.#options.concurrency - this.#atWork)
    const begun = tasks.slice(0, room)
    for (const task of begun) this.#beginWith(task)
    const numbers = tasks.map(({ number }) => number)
    const revoked = await letter.channel.sayBefore(['taken', letter.number, begun.map(({ number }) => number)], numbers)
    for (const task of tasks)
      if (revoked === undefined || revoked.has(task.number)) this.#drop(task, revoked === undefined)
    return tasks
  }

  #arrive(tasks: readonly WorkerTask[]): void {
    for (const task of tasks) {
      if (task.isOver) continue
      if (task.isAborted) task.giveBack()
      else if (task.hasBegun) this.#runner.run(task)
      else this.#waiting.push(task)
    }
    if (this.#isClosing) this.#giveBackWaiting()
  }

  /** Counts a task as at work. */
  #beginWith(task: WorkerTask): void {
    task.hasBegun = true
    this.#atWork++
  }

  /** Ends a task that must not begin. @param isOrphan its submitter is gone */
  #drop(task: WorkerTask, isOrphan: boolean): void {
    if (isOrphan) task.end()
    else task.giveBack()
  }

  #fill(): void {
    while (!this.#isClosing && this.#atWork < this.#options.concurrency) {
      const task = this.#waiting.shift()
      if (task === undefined) break
      this.#beginWith(task)
      void this.#beginLater(task)
    }
    if (this.room > 0) this.#jobs.wake()
  }

  async #beginLater(task: WorkerTask): Promise<void> {
    const { channel, number } = task
    if (task.isIdempotent) {
      channel.say(['started', number])
      this.#runner.run(task)
      return
    }
    const revoked = await channel.sayBefore(['started', number], [number])
    if (revoked === undefined || revoked.has(number)) this.#drop(task, revoked === undefined)
    else if (task.isAborted) task.giveBack()
    else this.#runner.run(task)
  }

  #handleOver(task: WorkerTask): void {
    const { channel, job } = task
    channel.tasks.delete(task.number)
    if (task.hasBegun) this.#atWork--
    else if (this.#waiting.includes(task)) this.#waiting.splice(this.#waiting.indexOf(task), 1)
    this.#settle(job)
    this.#fill()
    if (this.#atWork === 0) this.#onIdle?.()
  }

  /** Lowers the count of what keeps the job. */
  #settle(job: TakenJob): void {
    if (--job.left === 0) this.#jobs.release(job)
  }

  /** Gives back an aborted task that waits. One that is about to begin sees that by itself. */
  #strikeOut(task: WorkerTask): void {
    if (this.#waiting.includes(task)) task.giveBack()
  }

  #giveBackWaiting(): void {
    for (const task of [...this.#waiting]) task.giveBack()
  }

  /** Cancels running tasks, then gives them up; messages that can't be written by then are dropped. */
  #cancelAfter(timeout: number): void {
    let timer = setTimeout(
      () => {
        this.#cancelAll()
        timer = setTimeout(() => {
          this.#isGivenUp = true
          this.#onIdle?.()
          timer = setTimeout(() => this.#commands.close(), times.grace)
        }, times.grace)
      },
      Math.max(0, timeout),
    )
    void this.#closed?.then(() => clearTimeout(timer))
  }

  #cancelAll(): void {
    const reason = new ExecutorClosedError('The worker was closed')
    for (const channel of this.#submitters.channels) {
      for (const task of [...channel.tasks.values()]) {
        if (!task.hasBegun) continue
        channel.say(['stopped', task.number])
        channel.tasks.delete(task.number)
        task.silence()
        task.abort(reason)
      }
    }
  }

  async #close(): Promise<void> {
    this.#isClosing = true
    await this.#jobs.close()
    while (this.#arriving > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    this.#giveBackWaiting()
    if (this.#atWork > 0 && !this.#isGivenUp) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await this.#submitters.close()
    await this.#presence.close()
    this.#runner.close()
    this.#commands.close()
  }
}
