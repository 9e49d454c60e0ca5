import { realTime } from '../../deadline.ts'

/** The variables that requests go by, those of proxies first. */
const proxyVariables = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const
const allVariables = [
  ...proxyVariables,
  'no_proxy',
  'NO_PROXY',
  'REQUEST_METHOD',
  'NETRC',
  'HOME',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
]

/** Without a prototype: only what was set as a variable is one. */
const noVariables: NodeJS.ProcessEnv = Object.freeze(Object.create(null) as NodeJS.ProcessEnv)

/** How long a snapshot of the variables is reused, in ms. */
const freshness = 1

/**
 * The environment as one session sees it. Reading a variable is slow, and each request needs several: all are
 * read together, at most a thousand times a second. (requests reads them for every request.)
 */
export class Environment {
  #variables = noVariables
  #namesProxy = false
  #freshUntil = 0

  /** @param variables of another thread, as they were there; default: those of this one, as they are */
  constructor(variables?: NodeJS.ProcessEnv) {
    if (variables === undefined) return
    this.#take(variables)
    this.#freshUntil = Infinity
  }

  get variables(): NodeJS.ProcessEnv {
    this.#refresh()
    return this.#variables
  }

  /** Whether there is a proxy for anything at all. */
  get namesProxy(): boolean {
    this.#refresh()
    return this.#namesProxy
  }

  /** As they are at this moment; the same object until one of them changes. */
  read(): NodeJS.ProcessEnv {
    if (this.#freshUntil !== Infinity) this.#take(process.env)
    return this.#variables
  }

  #refresh(): void {
    const now = realTime()
    if (now < this.#freshUntil) return
    this.#freshUntil = now + freshness
    this.#take(process.env)
  }

  #take(source: NodeJS.ProcessEnv): void {
    const variables = Object.create(null) as NodeJS.ProcessEnv
    let isSame = true
    for (const name of allVariables) {
      const value = Object.hasOwn(source, name) ? source[name] : undefined
      if (value !== undefined) variables[name] = value
      isSame &&= value === this.#variables[name]
    }
    if (isSame) return
    this.#variables = variables
    this.#namesProxy = proxyVariables.some((name) => variables[name] !== undefined)
  }
}
