import type { IncomingMessage } from 'node:http'
import { afterAll, describe, expect, test } from 'vitest'
import type { FuturesSession } from '../../../src/index.ts'
import { digest, WorkerThreadExecutor } from '../../../src/index.ts'
import { closeRemoteSessionsAfterEach, openHere, openRemote, serve } from '../../helpers/remote-sessions.ts'
import type { TestServer } from '../../helpers/server.ts'

const executors = [1, 3].map((threads) => new WorkerThreadExecutor({ threads, maxWorkers: 12 }))
const [one, three] = executors as [WorkerThreadExecutor, WorkerThreadExecutor]

afterAll(() => Promise.all(executors.map((each) => each.shutdown())))
closeRemoteSessionsAfterEach()

interface Count {
  readonly nonce: string
  readonly count: number
}

function countOf({ headers: { authorization = '' } }: IncomingMessage): Count | undefined {
  const [, nonce] = /nonce="([^"]*)"/.exec(authorization) ?? []
  const [, count] = /nc=([0-9a-f]{8})/.exec(authorization) ?? []
  return nonce === undefined || count === undefined ? undefined : { nonce, count: Number.parseInt(count, 16) }
}

/** Gives all clients the same nonce, and refuses for ever what `accepts` does not like of a count. */
async function openServer(
  accepts: (count: number, seen: readonly number[]) => boolean,
  makeNonce: () => string = () => 'constant',
): Promise<TestServer & { readonly counts: Map<string, number[]> }> {
  const counts = new Map<string, number[]>()
  const server = await serve((request, response) => {
    const used = countOf(request)
    const nonce = makeNonce()
    if (used === undefined) {
      const challenge = `Digest realm="r", nonce="${nonce}", qop="auth", algorithm=SHA-256`
      return void response.writeHead(401, { 'www-authenticate': challenge }).end()
    }
    const seen = counts.get(used.nonce) ?? []
    const isGood = accepts(used.count, seen)
    counts.set(used.nonce, [...seen, used.count])
    response.writeHead(isGood ? 200 : 403, { 'authentication-info': `nextnonce="${nonce}"` }).end()
  })
  return Object.assign(server, { counts })
}

const isNew = (count: number, seen: readonly number[]): boolean => !seen.includes(count)
/** The strictest servers: neither less nor more than the next. */
const isNext = (count: number, seen: readonly number[]): boolean => count === (seen.at(-1) ?? 0) + 1

async function statuses(sessions: readonly FuturesSession[], url: string, times: number): Promise<Set<number>> {
  const futures = sessions.flatMap((session) => Array.from({ length: times }, () => session.get(url)))
  return new Set((await Promise.all(futures.map((future) => future.result()))).map(({ status }) => status))
}

describe('The counts of a digest', () => {
  test('are unique over threads, where the server gives them one nonce and takes no count twice', async () => {
    const server = await openServer(isNew)
    const session = openRemote({ executor: three, auth: digest('user', 'password') })
    expect(await statuses([session], server.url, 60)).toEqual(new Set([200]))
    const counts = server.counts.get('constant')!.sort((a, b) => a - b)
    expect(counts).toEqual(Array.from({ length: 60 }, (_, index) => index + 1))
  })

  test('go on from thread to thread and back, one by one', async () => {
    const server = await openServer(isNext)
    const auth = digest('user', 'password')
    const sessions = [
      openRemote({ executor: one, auth }),
      openHere({ auth }),
      openRemote({ executor: three }),
      openRemote({ executor: one }),
    ]
    for (let round = 0; round < 5; round++) {
      for (const [index, session] of sessions.entries()) {
        const { status } = await session.get(server.url, index < 2 ? {} : { auth }).result()
        expect(status).toBe(200)
      }
    }
    expect(server.counts.get('constant')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })

  test('are unique in this thread and others at once, and over retries', async () => {
    const server = await openServer(isNew)
    const auth = digest('user', 'password')
    const sessions = [openRemote({ executor: three, auth }), openHere({ auth }), openRemote({ executor: one, auth })]
    expect(await statuses(sessions, server.url, 20)).toEqual(new Set([200]))
    expect(server.counts.get('constant')).toHaveLength(60)
  })

  test('begin anew with each nonce, also one that the server asks for next', async () => {
    let nonces = 0
    const server = await openServer(isNext, () => `nonce ${++nonces}`)
    const session = openRemote({ executor: three, auth: digest('user', 'password') })
    for (let index = 0; index < 10; index++) expect((await session.get(server.url).result()).status).toBe(200)
    for (const counts of server.counts.values()) expect(counts).toEqual([1])
    expect(await statuses([session], server.url, 20)).toEqual(new Set([200]))
  })

  test('are each digest() its own', async () => {
    const server = await openServer(() => true)
    for (const user of ['one', 'other']) {
      const session = openRemote({ executor: one, auth: digest(user, 'password') })
      await session.get(server.url).result()
      await session.get(server.url).result()
    }
    expect(server.counts.get('constant')).toEqual([1, 2, 1, 2])
  })
})
