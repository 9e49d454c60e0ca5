import { describe, ownOptions } from '../checks.ts'
import { RequestError } from '../errors.ts'
import { describeRequest } from '../session/call/call-input.ts'
import { originHeaders, resolveLocation } from '../session/call/redirects.ts'
import { keepsCredentials, parseUrl, takeCredentials, textOfUrl } from '../session/url.ts'
import type { HeadersOption, RequestOptions, RequestSpec } from '../session/options/options.ts'
import { requestOptionNames } from '../session/options/option-table.ts'
import { overParams } from '../session/params.ts'
import type { Link } from '../session/response/links.ts'
import type { Response } from '../session/response/response.ts'
import { coreOf } from '../session/session-attributes.ts'
import { Session } from '../session/session.ts'
import { checkOptionNames } from '../unknown-option.ts'

/** What comes after a page: a request, or a URL, which may be relative to that of the page; nothing at the end. */
export type NextPage<C = unknown> = string | URL | RequestSpec<C> | null | undefined | void

/** Options of `paginate`: those of every page, and how the next one is found. */
export interface PaginateOptions<R = Response, C = unknown> extends RequestOptions<C> {
  /** The method of every page. @default 'GET' */
  method?: string | undefined
  /**
   * Called with each page, except one of status 400 and more, when it is handed out. It may be `async`; what it throws ends
   * the iteration after that page.
   *
   * @default response => response.links.next?.url
   */
  next?: ((response: R) => NextPage<C> | PromiseLike<NextPage<C>>) | undefined
}

/** Where a page leads, and who says so: the link of a server is less trusted than what the caller gives. */
type Target = { readonly link: string } | { readonly given: string | URL | RequestSpec }

/** What responses may have, those of somebody else's session, too. */
interface AnyPage {
  readonly status?: number
  readonly url?: string
  readonly links?: Readonly<Record<string, Link>>
  readonly history?: readonly { readonly url: string }[]
}

const pageOf = (response: unknown): AnyPage => response ?? {}

/** Makes the request for each page from the page before it. */
export class PageTrail<R> {
  readonly first: RequestSpec
  /** Only a session of ours: what it adds to its requests is known. */
  readonly #session: Session | undefined
  readonly #options: RequestOptions
  readonly #next: PaginateOptions<R>['next']
  /** The URL whose origin the credentials of the options and of the session belong to. */
  #home: URL | undefined
  /** Every page so far has that origin. Once a server has led elsewhere, no later page gets credentials. */
  #isHome = true

  /** @throws {TypeError} no options, or a `next` that is no function */
  constructor(session: object, url: string | URL, given: PaginateOptions<R>) {
    const { method, next, ...options } = ownOptions(given)
    if (next !== undefined && typeof (next as unknown) !== 'function') {
      throw new TypeError(`Expected \`next\` to be a function, got ${describe(next)}`)
    }
    if (Object.hasOwn(options, 'url')) throw new TypeError('Unknown option `url`: it is an argument of its own')
    if (session instanceof Session) checkOptionNames(given, ['next', 'method', ...requestOptionNames])
    this.#session = session instanceof Session ? session : undefined
    this.#options = { ...options, params: undefined }
    this.#next = next
    this.first = { ...options, method, url: url instanceof URL ? url.href : url }
  }

  /** @throws {TypeError} nothing says where a page leads; what `next` throws */
  find(response: R): Target | undefined | Promise<Target | undefined> {
    const { status = 0, links } = pageOf(response)
    if (status >= 400) return undefined
    if (this.#next !== undefined) {
      const found = this.#next(response)
      return isPromise(found) ? Promise.resolve(found).then(givenTarget) : givenTarget(found)
    }
    if (links === undefined)
      throw new TypeError('Could not find the next page: the response has no `links`, pass `next`')
    const { next } = links
    return next === undefined ? undefined : { link: next.url }
  }

  /**
   * The request for the page after this one.
   *
   * @throws {RequestError} a URL that can't be asked for, or a link that leads to its own page
   */
  after(response: R, target: Target): RequestSpec {
    const page = pageOf(response).url
    const spec = 'link' in target ? {} : ownSpec(target.given)
    const url = 'link' in target ? linkedUrl(target.link, page) : givenUrl(target.given, page)
    if ('link' in target) refuseLoop(url, pageOf(response))
    this.#home ??= homeOf(this.first.url, pageOf(response))
    this.#isHome &&= [page, url].every((each) => each === undefined || this.#belongsHome(each))
    const options = this.#optionsFor(url, spec)
    return { ...options, method: spec.method ?? this.first.method, url: this.#isHome ? this.#signed(url) : url.href }
  }

  #belongsHome(url: string | URL): boolean {
    return this.#home !== undefined && keepsCredentials(this.#home, new URL(url))
  }

  /** The options of every page, with the request's own over them. */
  #optionsFor(url: URL, spec: Partial<RequestSpec>): RequestOptions {
    const describesBody = ['method', 'data', 'json', 'files'].some((name) => Object.hasOwn(spec, name))
    const body = describesBody ? { data: undefined, json: undefined, files: undefined } : {}
    const options = { ...this.#options, ...body, ...spec }
    const params =
      this.#session &&
      overParams(this.#session[coreOf].params, spec.params, (name) =>
        this.#isHome ? spec.params === undefined && url.searchParams.has(name) : true,
      )
    if (params !== undefined) options.params = params
    return this.#isHome ? options : { ...options, ...this.#publicOnly(spec) }
  }

  /** Removes what another origin than the first must not get, unless the request itself names it. */
  #publicOnly({ auth, cookies, headers }: Partial<RequestSpec>): RequestOptions {
    const given = pairsOfHeaders(headers ?? this.#options.headers ?? [])
    const own = headers === undefined ? given.filter(([name]) => !originHeaders.includes(name.toLowerCase())) : given
    if (this.#session === undefined) return { auth, cookies, headers: own }
    const removed = originHeaders.map((name) => [name, null] as const)
    return { auth: auth ?? null, cookies, headers: [...removed, ...own] }
  }

  /** Adds user and password of the first URL, if that had some. */
  #signed(url: URL): string {
    const { username = '', password = '' } = this.#home ?? {}
    if ((username === '' && password === '') || url.username !== '') return url.href
    return Object.assign(new URL(url), { username, password }).href
  }
}

const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as Partial<PromiseLike<T>> | null | undefined)?.then === 'function'

function givenTarget(given: NextPage): Target | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given === 'string' || typeof given === 'object') return { given }
  throw new TypeError(`Expected \`next\` to return a URL, a request or nothing, got ${describe(given)}`)
}

function ownSpec(given: string | URL | RequestSpec): Partial<RequestSpec> {
  if (typeof given === 'string' || given instanceof URL) return {}
  return Object.fromEntries(Object.entries(ownOptions(given)).filter(([, value]) => value !== undefined))
}

/** Resolves a link as a redirect does, without user and password. */
function linkedUrl(link: string, page: string | undefined): URL {
  if (page !== undefined) return resolveLocation(link, page)
  const url = parseUrl(link)
  takeCredentials(url, link)
  return url
}

/** User and password are kept only in a request, which is the caller's; a text may come from the page. */
function givenUrl(given: string | URL | RequestSpec, page: string | undefined): URL {
  const isSpec = typeof given === 'object' && !(given instanceof URL)
  const text = textOfUrl(isSpec ? given.url : given)
  const url = parseUrl(text, page)
  if (!isSpec) takeCredentials(url, text)
  return url
}

/** The first URL may be relative; then that of its response counts. */
function homeOf(first: string | URL, { url, history }: AnyPage): URL | undefined {
  try {
    return new URL(first)
  } catch {
    const sent = history?.[0]?.url ?? url
    return sent === undefined ? undefined : new URL(sent)
  }
}

function refuseLoop(url: URL, page: AnyPage): void {
  const asked = (page.history?.[0] ?? page).url
  if (![asked, page.url].some((each) => each !== undefined && withoutHash(each) === withoutHash(url.href))) return
  const request = describeRequest({ request: { url } })
  throw new RequestError(`${request.url}: the link to the next page leads to the page itself`, { request })
}

const withoutHash = (url: string): string => url.replace(/#.*/s, '')

type Pair = readonly [string, string | number | null | undefined]

function pairsOfHeaders(headers: HeadersOption): Pair[] {
  return Symbol.iterator in headers ? [...headers] : Object.entries(headers)
}
