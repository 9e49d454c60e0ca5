import { randomUUID } from 'node:crypto'
import type { SharedCopy, SharedValue } from '../../executor/remote.ts'
import { type CookiePlace, FollowedJar, type JarListener, type JarRules } from '../../session/cookies/followed-jar.ts'
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

/**
 * A thread's copy of a jar. What is changed here is reported, and stays as it is until the report has come back in a part of
 * the jar: what comes before that is older.
 */
export class ThreadJar implements JarListener {
  readonly #name = randomUUID()
  readonly #followed: FollowedJar
  readonly #known = new WeakSet<SharedCopy>()
  /** Changed here and not reported. */
  #changed = new Map<string, CookiePlace>()
  /** Reported, with the number of the report. */
  readonly #unconfirmed = new Map<string, number>()
  #reports = 0
  #isFollowing = false

  constructor(rules: JarRules) {
    this.#followed = FollowedJar.create(rules, this)
  }

  get jar(): FollowedJar['jar'] {
    return this.#followed.jar
  }

  follow(parts: readonly SharedCopy[]): void {
    for (const copy of parts) {
      if (this.#known.has(copy)) continue
      this.#known.add(copy)
      this.#isFollowing = true
      this.#take(copy.value as JarPart)
      this.#isFollowing = false
    }
  }

  /** @returns what has changed since the last report, if anything has */
  report(): JarReport | undefined {
    if (this.#changed.size === 0) return undefined
    const number = ++this.#reports
    for (const key of this.#changed.keys()) this.#unconfirmed.set(key, number)
    const changes = [...this.#changed.values()].map((place) => this.#followed.read(place))
    this.#changed = new Map()
    return { from: this.#name, number, changes }
  }

  handleCookie({ domain, path, key }: CookiePlace): void {
    if (!this.#isFollowing) this.#changed.set(keyOf({ domain, path, key }), { domain, path, key })
  }

  #take({ changes, reports }: JarPart): void {
    const confirmed = reports.get(this.#name) ?? 0
    for (const [key, number] of this.#unconfirmed) if (number <= confirmed) this.#unconfirmed.delete(key)
    for (const change of changes) if (!this.#isOwn(change)) this.#followed.write(change)
  }

  #isOwn(place: CookiePlace): boolean {
    const key = keyOf(place)
    return this.#changed.has(key) || this.#unconfirmed.has(key)
  }
}

function keyOf({ domain, path, key }: CookiePlace): string {
  return JSON.stringify([domain, path, key])
}
