import type { SharedValue } from '../../executor/remote.ts'
import { FollowedJar, type CookiePlace, type JarListener } from '../../session/cookies/followed-jar.ts'
import type { JarPart, JarReport } from './protocol.ts'

type CookieJar = FollowedJar['jar']

const jars = new WeakMap<CookieJar, SharedJar>()

/**
 * A jar that threads have copies of. It crosses in parts: each is a set of places, and brings what lies there when it
 * crosses. What changes makes a new, small part; of two neighbours the later is always the smaller, or they become one. So
 * what a thread has got already rarely crosses again, and the parts are few.
 */
export class SharedJar implements JarListener {
  /** The rules of the jar. */
  readonly root: SharedValue
  /** The last report of each thread that is in it. */
  readonly reports = new Map<string, number>()
  readonly #followed: FollowedJar
  #changed = new Map<string, CookiePlace>()
  readonly #parts: Part[] = []

  /** @throws what the jar's store throws if it can't list its cookies */
  static of(jar: CookieJar): SharedJar {
    const shared = jars.get(jar) ?? new SharedJar(jar)
    jars.set(jar, shared)
    return shared
  }

  private constructor(jar: CookieJar) {
    this.#followed = new FollowedJar(jar, this)
    this.root = { version: 0, value: this.#followed.rules }
    for (const place of this.#followed.places) this.handleCookie(place)
  }

  /** What a thread needs, in this order. */
  get values(): readonly SharedValue[] {
    if (this.#changed.size > 0) this.#addPart(this.#changed)
    return [this.root, ...this.#parts]
  }

  /** Takes over what was changed in a thread. */
  merge({ from, number, changes }: JarReport): void {
    for (const each of changes) this.#followed.write(each)
    this.reports.set(from, number)
  }

  read(place: CookiePlace): ReturnType<FollowedJar['read']> {
    return this.#followed.read(place)
  }

  handleCookie(place: CookiePlace): void {
    const { domain, path, key } = place
    this.#changed.set(JSON.stringify([domain, path, key]), { domain, path, key })
  }

  #addPart(places: Map<string, CookiePlace>): void {
    this.#changed = new Map()
    let part = new Part(this, places)
    for (let last = this.#parts.at(-1); last !== undefined && last.size <= part.size; last = this.#parts.at(-1)) {
      this.#parts.pop()
      part = last.with(part)
    }
    this.#parts.push(part)
  }
}

class Part implements SharedValue {
  readonly version = 0
  readonly #jar: SharedJar
  readonly #places: ReadonlyMap<string, CookiePlace>

  constructor(jar: SharedJar, places: ReadonlyMap<string, CookiePlace>) {
    this.#jar = jar
    this.#places = places
  }

  get size(): number {
    return this.#places.size
  }

  /** Of now. What changes later is in a later part, too. */
  get value(): JarPart {
    const changes = [...this.#places.values()].map((place) => this.#jar.read(place))
    return { changes, reports: this.#jar.reports }
  }

  with(later: Part): Part {
    return new Part(this.#jar, new Map([...this.#places, ...later.#places]))
  }
}
