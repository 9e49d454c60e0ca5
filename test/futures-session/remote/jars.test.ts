import { CookieJar } from 'tough-cookie'
import { describe, expect, test } from 'vitest'
import type { SharedCopy } from '../../../src/executor/remote.ts'
import type { JarReport } from '../../../src/futures-session/remote/protocol.ts'
import { SharedJar, ThreadJar } from '../../../src/futures-session/remote/shared-jar.ts'
import type { JarRules } from '../../../src/session/cookies/followed-jar.ts'

const url = 'http://site.example/'

/** A thread and the copies that it has got; what crosses is cloned. */
class TestThread {
  readonly #copies = new Map<unknown, SharedCopy>()
  readonly jar: ThreadJar
  crossed = 0

  constructor(shared: SharedJar) {
    this.jar = new ThreadJar(shared.root.value as JarRules)
  }

  follow(shared: SharedJar): void {
    const [, ...parts] = shared.values
    this.jar.follow(
      parts.map((part) => {
        const known = this.#copies.get(part)
        if (known !== undefined) return known
        const copy = structuredClone({ version: part.version, value: part.value })
        this.crossed += (copy.value as { changes: unknown[] }).changes.length
        this.#copies.set(part, copy)
        return copy
      }),
    )
  }

  report(): JarReport {
    return structuredClone(this.jar.report()!)
  }
}

const textOf = (jar: CookieJar): string => jar.getCookieStringSync(url)

describe('ThreadJar', () => {
  test('keeps what it has set until its report has come back', () => {
    const jar = new CookieJar()
    jar.setCookieSync('a=old', url)
    const shared = SharedJar.of(jar)
    const thread = new TestThread(shared)
    thread.follow(shared)
    thread.jar.jar.setCookieSync('a=new', url)
    const report = thread.report()
    // Older, whatever it says.
    jar.setCookieSync('a=other', url)
    thread.follow(shared)
    expect(textOf(thread.jar.jar)).toBe('a=new')
    shared.merge(report)
    expect(textOf(jar)).toBe('a=new')
    thread.follow(shared)
    expect(textOf(thread.jar.jar)).toBe('a=new')
    // From here on, newer.
    jar.setCookieSync('a=last', url)
    thread.follow(shared)
    expect(textOf(thread.jar.jar)).toBe('a=last')
  })

  test('reports each change once, removals too, and nothing that it was told', () => {
    const jar = new CookieJar()
    jar.setCookieSync('a=1', url)
    jar.setCookieSync('b=1', url)
    const shared = SharedJar.of(jar)
    const thread = new TestThread(shared)
    thread.follow(shared)
    expect(thread.jar.report()).toBeUndefined()
    thread.jar.jar.removeAllCookiesSync()
    thread.jar.jar.setCookieSync('b=2', url)
    shared.merge(thread.report())
    expect(thread.jar.report()).toBeUndefined()
    expect(textOf(jar)).toBe('b=2')
  })
})

describe('SharedJar', () => {
  test('has few parts, and sends what a thread has already only now and then', () => {
    const jar = new CookieJar()
    const shared = SharedJar.of(jar)
    const thread = new TestThread(shared)
    const count = 1000
    for (let index = 0; index < count; index++) {
      jar.setCookieSync('c=1', `http://site${index}.example/`)
      thread.follow(shared)
    }
    expect(shared.values.length).toBeLessThan(15)
    expect(thread.crossed).toBeLessThan(count * 12)
    expect(thread.jar.jar.serializeSync()?.cookies).toHaveLength(count)
  })

  test('brings threads and jar to the same cookies, however changes and reports cross', () => {
    let seed = 7
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (let round = 0; round < 200; round++) {
      const jar = new CookieJar()
      const shared = SharedJar.of(jar)
      const threads = [new TestThread(shared), new TestThread(shared)]
      const underway: JarReport[][] = [[], []]
      for (let step = 0; step < 30; step++) {
        const place = random(2)
        const thread = threads[place]!
        const target = random(3) === 0 ? jar : thread.jar.jar
        const act = random(5)
        if (act === 0) target.setCookieSync(`${'abc'[random(3)]!}=; Max-Age=0`, url)
        else if (act < 3) target.setCookieSync(`${'abc'[random(3)]!}=${step}`, url)
        const report = random(2) === 0 ? thread.jar.report() : undefined
        if (report !== undefined) underway[place]!.push(structuredClone(report))
        const arrived = random(2) === 0 ? underway[place]!.shift() : undefined
        if (arrived !== undefined) shared.merge(arrived)
        if (random(2) === 0) thread.follow(shared)
      }
      for (const [index, thread] of threads.entries()) {
        for (const each of underway[index]!) shared.merge(each)
        const report = thread.jar.report()
        if (report !== undefined) shared.merge(structuredClone(report))
      }
      for (const thread of threads) thread.follow(shared)
      const sorted = (each: CookieJar): string[] => textOf(each).split('; ').sort()
      for (const thread of threads) expect(sorted(thread.jar.jar), `round ${round}`).toEqual(sorted(jar))
    }
  })
})
