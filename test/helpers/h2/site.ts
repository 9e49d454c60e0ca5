import type http2 from 'node:http2'
import { FuturesSession, type FuturesSessionOptions } from '../../../src/index.ts'
import { tlsFixture } from '../tls.ts'
import { startFrameServer, type FrameScript, type FrameServer, type FrameServerOptions } from './frame-server.ts'
import { answer } from './frames.ts'
import { startHttp2Server, type Http2Handler, type Http2TestServer } from './server.ts'

/** What a session needs that trusts the servers of these tests. */
export const h2Options = { http2: true, trustEnv: false, verify: tlsFixture('ca.pem'), unobserved: 'ignore' } as const

/** Servers and sessions of one test file; `close`, after each test, ends those that it has opened. */
export class Http2Site {
  readonly #open: (() => unknown)[] = []

  /** One of frames made by hand. */
  async frames(script: FrameScript, options?: FrameServerOptions): Promise<FrameServer> {
    const server = await startFrameServer(script, options)
    this.#open.push(() => server.close())
    return server
  }

  /** One of node:http2. */
  async server(handler?: Http2Handler, options?: http2.SecureServerOptions): Promise<Http2TestServer> {
    const server = await startHttp2Server(handler, options)
    this.#open.push(() => server.close())
    return server
  }

  /** One that speaks HTTP/2 where the server does, has a worker for everybody, and tries nothing again by itself. */
  session(options: FuturesSessionOptions = {}): FuturesSession {
    const session = new FuturesSession({
      ...h2Options,
      ...(options.executor === undefined && { maxWorkers: 200 }),
      ...options,
    })
    this.#open.push(async () => session[Symbol.asyncDispose]())
    return session
  }

  /** @param end what else has to end after the test */
  later(end: () => unknown): void {
    this.#open.push(end)
  }

  async close(): Promise<void> {
    for (const end of this.#open.splice(0).reverse()) await end()
  }
}

/** Answers every request with what is made of it; by default with "fine". */
export function answering(
  act: (id: number, path: string, method: string) => Uint8Array | undefined = (id) => answer(id),
): FrameScript {
  return async (peer) => {
    for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
      const bytes = act(stream.id, stream.path, stream.method)
      if (bytes !== undefined) await peer.send(bytes)
    }
  }
}

/** The name of what a future rejects with, or the status and the text of its response. */
export async function outcomeOf(future: ReturnType<FuturesSession['get']>): Promise<string> {
  try {
    const response = await future.result()
    await response.read()
    return `${response.status} ${response.text()}`
  } catch (error) {
    return (error as Error).name
  }
}
