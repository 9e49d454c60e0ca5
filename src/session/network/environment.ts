import { realTime } from '../../deadline.ts'

/** The variables that requests go by, those of proxies first. */
const proxyVariables = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const
const otherVariables = [
  'no_proxy',
  'NO_PROXY',
  'REQUEST_METHOD',
  'NETRC',
  'HOME',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
]

/** Milliseconds for which what was read is believed. */
const freshness = 10

/**
 * The environment as one session sees it. To read a variable is a system call of a kind, and each request needs several:
 * they are read together, at most a hundred times a second. (requests reads them for every request.)
 */
export class Environment {
  /** Without a prototype, that of the environment included: a variable is what was set as one. */
  #variables = Object.create(null) as NodeJS.ProcessEnv
  #namesProxy = false
  #freshUntil = 0

  get variables(): NodeJS.ProcessEnv {
    this.#refresh()
    return this.#variables
  }

  /** Whether there is a proxy for anything at all. */
  get namesProxy(): boolean {
    this.#refresh()
    return this.#namesProxy
  }

  #refresh(): void {
    const now = realTime()
    if (now < this.#freshUntil) return
    this.#freshUntil = now + freshness
    const variables = Object.create(null) as NodeJS.ProcessEnv
    for (const name of [...proxyVariables, ...otherVariables]) {
      if (Object.hasOwn(process.env, name)) variables[name] = process.env[name]
    }
    this.#variables = variables
    this.#namesProxy = proxyVariables.some((name) => variables[name] !== undefined)
  }
}
