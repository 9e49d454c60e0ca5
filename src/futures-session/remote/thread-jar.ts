import { randomUUID } from 'node:crypto'
import type { SharedCopy } from '../../executor/remote.ts'
import { FollowedJar, type CookiePlace, type JarListener, type JarRules } from '../../session/cookies/followed-jar.ts'
import type { JarPart, JarReport } from './protocol.ts'

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
