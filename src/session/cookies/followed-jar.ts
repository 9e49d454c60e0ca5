import { Cookie, CookieJar, Store } from 'tough-cookie'
import type { SerializedCookie, SerializedCookieJar } from 'tough-cookie'

/** Where a cookie lies in a jar. */
export interface CookiePlace {
  readonly domain: string
  readonly path: string
  readonly key: string
}

/** What lies there; `undefined`: nothing any more. */
export interface CookieChange extends CookiePlace {
  readonly cookie: SerializedCookie | undefined
}

export interface JarListener {
  /** A cookie was put there, or taken away; or it only may have been. */
  handleCookie(place: CookiePlace): void
}

/** A jar without its cookies: what it allows. */
export type JarRules = SerializedCookieJar

type StoreMethod = (...args: unknown[]) => unknown

/** A store is watched once, however many want to know. */
const watched = new WeakMap<Store, Set<JarListener>>()

/**
 * A jar whose cookies are followed: told of, copied and changed one by one. tough-cookie does not tell of changes, so the
 * methods of the jar's store that make them do, from now on.
 */
export class FollowedJar {
  readonly jar: CookieJar

  constructor(jar: CookieJar, listener: JarListener) {
    this.jar = jar
    const { store } = jar
    const listeners = watched.get(store) ?? new Set()
    if (listeners.size === 0) watchStore(store, listeners)
    watched.set(store, listeners.add(listener))
  }

  /** An empty jar with these rules. */
  static create(rules: JarRules, listener: JarListener): FollowedJar {
    return new FollowedJar(CookieJar.deserializeSync(rules), listener)
  }

  /** @throws what the store throws if it can't list its cookies */
  get rules(): JarRules {
    return { ...(this.jar.serializeSync() as object), cookies: [] } as unknown as JarRules
  }

  get places(): readonly CookiePlace[] {
    return placesIn(this.jar.store)
  }

  read({ domain, path, key }: CookiePlace): CookieChange {
    let cookie: SerializedCookie | undefined
    this.jar.store.findCookie(domain, path, key, (_, found) => {
      cookie = found?.toJSON()
    })
    // Counts the cookies of this isolate.
    delete cookie?.creationIndex
    return { domain, path, key, cookie }
  }

  write({ domain, path, key, cookie: json }: CookieChange): void {
    const { store } = this.jar
    const cookie = json && Cookie.fromJSON(json)
    if (cookie === undefined) store.removeCookie(domain, path, key, ignoreAnswer)
    else store.putCookie(cookie, ignoreAnswer)
  }
}

function watchStore(store: Store, listeners: Set<JarListener>): void {
  const tell = (place: CookiePlace): void => {
    for (const each of listeners) each.handleCookie(place)
  }
  watchMethod(store, 'putCookie', tell, (cookie) => [cookie as CookiePlace])
  watchMethod(store, 'updateCookie', tell, (_, cookie) => [cookie as CookiePlace])
  watchMethod(store, 'removeCookie', tell, (domain, path, key) => [{ domain, path, key } as CookiePlace])
  watchMethod(store, 'removeCookies', tell, () => placesIn(store))
  watchMethod(store, 'removeAllCookies', tell, () => placesIn(store))
}

/** @param concerns the cookies that a call may change, before it does */
function watchMethod(
  store: Store,
  name: keyof Store,
  tell: (place: CookiePlace) => void,
  concerns: (...args: unknown[]) => readonly CookiePlace[],
): void {
  const { [name]: original } = store as unknown as Record<string, unknown>
  // A store need not have all of them, and the jar looks which it has.
  if (typeof original !== 'function' || isAbstract(store, name)) return
  const value = function (this: Store, ...args: unknown[]): unknown {
    const places = concerns(...args)
    const returned = (original as StoreMethod).apply(this, args)
    places.forEach(tell)
    return returned
  }
  Object.defineProperty(store, name, { value, writable: true, configurable: true })
}

/** The base class has every method, and they throw. Also by its name: tough-cookie's CommonJS twin has another one. */
function isAbstract(store: object, name: string): boolean {
  let owner: unknown = store
  while (owner !== null && !Object.hasOwn(owner as object, name)) owner = Object.getPrototypeOf(owner)
  return owner === Store.prototype || (owner as object).constructor.name === 'Store'
}

function placesIn(store: Store): readonly CookiePlace[] {
  let places: readonly CookiePlace[] = []
  store.getAllCookies((_, cookies) => {
    places = (cookies ?? []).map(({ domain, path, key }) => ({ domain, path, key }) as CookiePlace)
  })
  return places
}

function ignoreAnswer(): void {
  // The stores are synchronous, and want a callback all the same.
}
