import { setTimeout } from 'node:timers'
import { isReply } from './redis-errors.ts'
import type { FleetLink } from './fleet-link.ts'
import { contexts, fields, sealLetter, type Command } from './protocol.ts'
import { times } from './times.ts'

interface Box {
  readonly unsaid: Command[]
  /** It is not known whether Redis has it. */
  letter: Buffer | undefined
  isBusy: boolean
}

/** What a submitter tells workers: to each in order, and again when Redis is back. Who is gone hears nothing. */
export class Orders {
  readonly #link: FleetLink
  readonly #onError: (error: unknown) => void
  readonly #boxes = new Map<string, Box>()
  #isWaiting = false
  #lastLetter = 0

  constructor(link: FleetLink, onError: (error: unknown) => void) {
    this.#link = link
    this.#onError = onError
  }

  /** With what else it is told in this turn. */
  tell(worker: string, command: Command): void {
    const box = this.#boxes.get(worker)
    if (box === undefined) this.#boxes.set(worker, { unsaid: [command], letter: undefined, isBusy: false })
    else box.unsaid.push(command)
    if (this.#isWaiting) return
    this.#isWaiting = true
    queueMicrotask(() => {
      this.#isWaiting = false
      this.sayAll()
    })
  }

  /** What there is to say, if Redis is there. */
  sayAll(): void {
    for (const [worker, box] of this.#boxes) if (!box.isBusy) void this.#say(worker, box)
  }

  async #say(worker: string, box: Box): Promise<void> {
    box.isBusy = true
    let isBroken = false
    while (!isBroken && this.#link.isUp && (box.letter !== undefined || box.unsaid.length > 0)) {
      box.letter ??= this.#seal(worker, box.unsaid.splice(0))
      try {
        await this.#link.redis.xadd(this.#link.keys.orders(worker), 'NOMKSTREAM', '*', fields.letter, box.letter)
        box.letter = undefined
      } catch (error) {
        this.#onError(error)
        // Redis itself, which is full, is asked again; a connection that broke comes again.
        if (isReply(error)) await new Promise((resolve) => setTimeout(resolve, times.retry).unref())
        else isBroken = true
      }
    }
    box.isBusy = false
    if (box.letter === undefined && box.unsaid.length === 0) this.#boxes.delete(worker)
  }

  #seal(worker: string, said: readonly Command[]): Buffer {
    const letter = { from: this.#link.id, number: ++this.#lastLetter, said }
    return sealLetter(this.#link.sealer, letter, contexts.commands(worker))
  }
}
