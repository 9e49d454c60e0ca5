import type { IncomingHttpHeaders } from 'node:http'
import { readBody, startServer, type Handler, type TestServer } from './server.ts'

/** A request that an origin has got. */
export interface Visit {
  /** Which origin. */
  readonly at: string
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Origins that redirect as their path says, and note who came with what. */
export class Origins {
  readonly visits: Visit[] = []
  readonly #servers: TestServer[] = []

  /** @param handler answers what is no redirect; by default with nothing */
  async open(at: string, handler: Handler = (_, response) => response.end()): Promise<TestServer> {
    const server = await startServer((request, response) => void this.#answer(at, handler, request, response))
    this.#servers.push(server)
    return server
  }

  /** An origin's answer to any request, for servers of another kind. */
  handlerOf(at: string): Handler {
    return (request, response) => void this.#answer(at, (_, plain) => void plain.end(), request, response)
  }

  /** What an origin got, all of it, as text. */
  textOf(at: string): string {
    return JSON.stringify(this.visits.filter((visit) => visit.at === at))
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((each) => each.close()))
  }

  async #answer(at: string, handler: Handler, ...[request, response]: Parameters<Handler>): Promise<void> {
    const { method = '', url = '', headers } = request
    this.visits.push({ at, method, path: url, headers, body: await readBody(request) })
    const [, status, target] = /^\/to\/(\d+)\/(.*)$/.exec(url) ?? []
    if (target === undefined) {
      handler(request, response)
      return
    }
    response.writeHead(Number(status), { location: decodeURIComponent(target) }).end()
  }
}

/** A path that redirects there. */
export function pathTo(target: string, status = 302): string {
  return `/to/${status}/${encodeURIComponent(target)}`
}
