import { afterEach } from 'vitest'
import { FuturesSession, type FuturesSessionOptions, type WorkerThreadExecutorOptions } from '../../src/index.ts'
import { startServer, type Handler, type TestServer } from './server.ts'
import { fixture, open } from './thread-executors.ts'

const sessions: FuturesSession[] = []
const servers: TestServer[] = []

/** After each test: closes what was opened here. Call it after `closeExecutorsAfterEach`: hooks run in reverse. */
export function closeRemoteSessionsAfterEach(): void {
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((each) => each[Symbol.asyncDispose]()))
    await Promise.all(servers.splice(0).map((each) => each.close()))
  })
}

export async function serve(handler?: Handler): Promise<TestServer> {
  const server = await startServer(handler)
  servers.push(server)
  return server
}

/** A session whose requests run in threads. */
export function openRemote(
  options: FuturesSessionOptions = {},
  executorOptions?: WorkerThreadExecutorOptions,
): FuturesSession {
  const session = new FuturesSession({ executor: open(executorOptions), unobserved: 'ignore', ...options })
  sessions.push(session)
  return session
}

/** A session whose requests run here. */
export function openHere(options: FuturesSessionOptions = {}): FuturesSession {
  const session = new FuturesSession({ unobserved: 'ignore', ...options })
  sessions.push(session)
  return session
}

/** A hook or an auth function of `test/fixtures/request-hooks.mjs`. */
export const hook = (name: string, ...args: unknown[]) => fixture('request-hooks.mjs', name, ...args)
