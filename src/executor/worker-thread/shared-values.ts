import type { SharedValue } from '../remote.ts'
import type { ToThread } from './messages.ts'

/** Which versions of which shared values one thread has got. */
export class SharedValues {
  readonly #post: (message: ToThread) => void
  readonly #known = new WeakMap<SharedValue, { readonly key: number; version: unknown }>()
  readonly #garbage: FinalizationRegistry<number>
  #lastKey = 0

  constructor(post: (message: ToThread) => void) {
    this.#post = post
    this.#garbage = new FinalizationRegistry((key) => post({ kind: 'forget', key }))
  }

  /**
   * Sends what the thread has not got.
   *
   * @returns the keys, for the message that goes after it
   * @throws {DOMException} a value can't be cloned
   */
  send(values: readonly SharedValue[]): number[] {
    return values.map((each) => this.#send(each))
  }

  forget(shared: SharedValue): void {
    const known = this.#known.get(shared)
    if (known === undefined) return
    this.#known.delete(shared)
    this.#garbage.unregister(shared)
    this.#post({ kind: 'forget', key: known.key })
  }

  #send(shared: SharedValue): number {
    const known = this.#known.get(shared)
    const { version } = shared
    if (known !== undefined && known.version === version) return known.key
    const key = known?.key ?? ++this.#lastKey
    this.#post({ kind: 'share', key, version, value: shared.localValue ?? shared.value })
    if (known === undefined) {
      this.#known.set(shared, { key, version })
      this.#garbage.register(shared, key, shared)
    } else {
      known.version = version
    }
    return key
  }
}
