import { Connections } from '../../src/transport/connections.ts'
import type { Exchange, ExchangeRequest, ExchangeResponse } from '../../src/transport/exchange.ts'
import type { ConnectionOptions } from '../../src/transport/connection-options.ts'

export type RequestPart = Partial<ExchangeRequest>

/** A GET of `url` (origin and path), with what the test is about. */
export function exchangeRequest(url: string, part: RequestPart = {}): ExchangeRequest {
  const { origin, pathname, search } = new URL(url)
  return {
    method: 'GET',
    origin,
    path: pathname + search,
    headers: [],
    body: undefined,
    proxy: undefined,
    tls: undefined,
    dispatcher: undefined,
    connectTimeout: 10_000,
    readTimeout: 10_000,
    maxResponseSize: Infinity,
    stream: false,
    resend: false,
    ...part,
  }
}

/** Connections for one test. Leaving the block destroys them and waits until no socket is left. */
export class TestConnections {
  readonly connections: Connections

  constructor(options?: ConnectionOptions) {
    this.connections = new Connections(options)
  }

  start(url: string, part?: RequestPart): Exchange {
    return this.connections.exchange(exchangeRequest(url, part))
  }

  async fetch(url: string, part?: RequestPart): Promise<ExchangeResponse> {
    return this.start(url, part).response
  }

  /** What it rejects with. */
  async failure(url: string, part?: RequestPart): Promise<Error> {
    const outcome: unknown = await this.fetch(url, part).then(
      (response) => response.failure ?? new Error(`Expected a failure, got ${response.status}`),
      (error: unknown) => error,
    )
    return outcome as Error
  }

  async close(): Promise<void> {
    this.connections.destroy()
    await this.connections.close()
  }
}

export function text(response: ExchangeResponse): string {
  return Buffer.from(response.content).toString()
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
