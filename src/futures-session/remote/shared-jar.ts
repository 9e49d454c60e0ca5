import { randomUUID } from 'node:crypto'
import type { SharedCopy, SharedValue } from '../../executor/remote.ts'
import { type CookiePlace, FollowedJar, type JarListener, type JarRules } from '../../session/cookies/followed-jar.ts'
import type { JarSegment, JarReport } from './protocol.ts'

type CookieJar = FollowedJar['jar']

const jars = new WeakMap<CookieJar, SharedJar>()

/**
 * A jar that threads have copies of. It is sent as segments, like a log-structured merge tree: each is a set of cookie keys,
 * whose values are read on sending. Changes make a new segment, which merges with its predecessor once it is as large. So
 * there are few segments, and a thread rarely gets a cookie twice.
 */
export class SharedJar implements JarListener {
  /** The rules of the jar. */
  readonly root: SharedValue
  /** The number of the last report of each thread that was merged. */
  readonly reports = new Map<string, number>()
  readonly #followed: FollowedJar
  #changed = new Map<string, CookiePlace>()
  readonly #segments: Segment[] = []

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

  /** The rules and the segments, in the order in which a thread takes them. */
  get values(): readonly SharedValue[] {
    if (this.#changed.size > 0) this.#addSegment(this.#changed)
    return [this.root, ...this.#segments]
  }

  /** Writes what was changed in a thread. */
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

  #addSegment(places: Map<string, CookiePlace>): void {
    this.#changed = new Map()
    let segment = new Segment(this, places)
    for (
      let last = this.#segments.at(-1);
      last !== undefined && last.size <= segment.size;
      last = this.#segments.at(-1)
    ) {
      this.#segments.pop()
      segment = last.with(segment)
    }
    this.#segments.push(segment)
  }
}

class Segment implements SharedValue {
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

  /** The cookies of now. Later changes are in a later segment, too. */
  get value(): JarSegment {
    const changes = [...this.#places.values()].map((place) => this.#jar.read(place))
    return { changes, reports: this.#jar.reports }
  }

  with(later: Segment): Segment {
    return new Segment(this.#jar, new Map([...this.#places, ...later.#places]))
  }
}

/**
 * A thread's copy of a jar. A change that is made here is reported, and wins until a segment of the jar includes the report:
 * segments before that are older.
 */
export class ThreadJar implements JarListener {
  readonly #name = randomUUID()
  readonly #followed: FollowedJar
  readonly #known = new WeakSet<SharedCopy>()
  /** Changed here, and not reported yet. */
  #changed = new Map<string, CookiePlace>()
  /** Reported, and not confirmed by a segment: the number of the report. */
  readonly #unconfirmed = new Map<string, number>()
  #reports = 0
  #isFollowing = false

  constructor(rules: JarRules) {
    this.#followed = FollowedJar.create(rules, this)
  }

  get jar(): FollowedJar['jar'] {
    return this.#followed.jar
  }

  follow(segments: readonly SharedCopy[]): void {
    for (const copy of segments) {
      if (this.#known.has(copy)) continue
      this.#known.add(copy)
      this.#isFollowing = true
      this.#take(copy.value as JarSegment)
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

  #take({ changes, reports }: JarSegment): void {
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
