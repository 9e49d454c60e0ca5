/** The version of the protocol, which both sides must speak. */
export const protocolVersion = 1

/** The module name of this package's own task, which sessions submit. Each machine knows its own path. */
export const requestModule = 'undici-futures:remote-request'

/** The keys in Redis. All begin with BullMQ's prefix and the name of the queue, so that one ACL pattern covers them. */
export class Keys {
  readonly #base: string

  constructor(prefix: string, queueName: string) {
    this.#base = `${prefix}:${queueName}:`
  }

  /** A hash: BullMQ's job. */
  job(id: string): string {
    return this.#base + id
  }

  /** A string: BullMQ's lock, whose token names the worker that has taken the job. */
  lock(id: string): string {
    return `${this.#base}${id}:lock`
  }

  /** A stream: the words of workers to a submitter. It is missing if the submitter is gone. */
  words(submitter: string): string {
    return `${this.#base}fleet:words:${submitter}`
  }

  /** A set: the numbers of a submitter's revoked tasks. */
  revoked(submitter: string): string {
    return `${this.#base}fleet:revoked:${submitter}`
  }

  /** A string: a value that tasks of a submitter share. */
  shared(submitter: string, key: number): string {
    return `${this.#base}fleet:shared:${submitter}:${key}`
  }

  /** A string: large arguments, or a large result. */
  large(submitter: string, name: string): string {
    return `${this.#base}fleet:large:${submitter}:${name}`
  }

  /** A stream: the commands of submitters to a worker. */
  orders(worker: string): string {
    return `${this.#base}fleet:orders:${worker}`
  }

  /** A string that expires when the worker has been silent for too long. */
  alive(worker: string): string {
    return `${this.#base}fleet:alive:${worker}`
  }

  /** A channel that the worker subscribes to: it has no subscriber when the worker's connection is gone. */
  channel(worker: string): string {
    return `${this.#base}fleet:channel:${worker}`
  }

  /** A set: the ids of all workers, and of some that are gone. */
  get workers(): string {
    return `${this.#base}fleet:workers`
  }
}
