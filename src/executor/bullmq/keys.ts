/** Both sides must speak the same one. */
export const protocolVersion = 1

/** The own task of this package that sessions submit: each machine knows where its file lies. */
export const requestModule = 'undici-futures:remote-request'

/** Where things lie in Redis. All of it begins with BullMQ's prefix and the name of the queue, so that an ACL can say so. */
export class Keys {
  readonly #base: string

  constructor(prefix: string, queueName: string) {
    this.#base = `${prefix}:${queueName}:`
  }

  /** What BullMQ keeps of a job. */
  job(id: string): string {
    return this.#base + id
  }

  /** Names the worker that has taken a job. */
  lock(id: string): string {
    return `${this.#base}${id}:lock`
  }

  /** A stream: what workers say to a submitter. Gone: the submitter is, too. */
  words(submitter: string): string {
    return `${this.#base}fleet:words:${submitter}`
  }

  /** A set: numbers of a submitter's tasks that must not begin any more. */
  revoked(submitter: string): string {
    return `${this.#base}fleet:revoked:${submitter}`
  }

  /** A value that tasks of a submitter share. */
  shared(submitter: string, key: number): string {
    return `${this.#base}fleet:shared:${submitter}:${key}`
  }

  /** What is too large to lie beside others: arguments, or a result. */
  large(submitter: string, name: string): string {
    return `${this.#base}fleet:large:${submitter}:${name}`
  }

  /** A stream: what submitters tell a worker. */
  orders(worker: string): string {
    return `${this.#base}fleet:orders:${worker}`
  }

  /** Expires when the worker has been silent for too long. */
  alive(worker: string): string {
    return `${this.#base}fleet:alive:${worker}`
  }

  /** A channel that the worker subscribes to: it has no subscriber when the worker's connection is gone. */
  channel(worker: string): string {
    return `${this.#base}fleet:channel:${worker}`
  }

  /** A set: the workers there are, and some that were. */
  get workers(): string {
    return `${this.#base}fleet:workers`
  }
}
