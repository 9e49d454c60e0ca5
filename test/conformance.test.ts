import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FuturesSession } from '../src/futures-session/futures-session.ts'
import { Session } from '../src/session/session.ts'
import type { SessionOptions } from '../src/session/options/options.ts'
import { normalize } from './conformance/compare.ts'
import { hasCorpus, loadServer, readSpecs } from './conformance/corpus.ts'
import type { RecordingServer, Spec } from './conformance/corpus.ts'
import { runSpec } from './conformance/run-spec.ts'
import type { Client } from './conformance/run-spec.ts'

const clients: Record<string, (options: SessionOptions) => Client> = {
  Session: (options) => new Session(options),
  FuturesSession: (options) => awaited(new FuturesSession(options)),
}

/** The same session, its futures awaited. */
function awaited(session: FuturesSession): Client {
  return {
    get cookies() {
      return session.cookies
    },
    request: (...args) => session.request(...args).result(),
    close: () => session.close(),
  }
}

const specs = hasCorpus ? await readSpecs() : []

describe.skipIf(!hasCorpus)('conformance with requests (needs ../shared/conformance)', async () => {
  const { startServer, canonicalUrl } = hasCorpus ? await loadServer() : ({} as Awaited<ReturnType<typeof loadServer>>)
  let server: RecordingServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.close())

  describe.each(Object.entries(clients))('%s', (_name, open) => {
    it.each(specs.map((spec) => [`${spec.id}: ${spec.topic}, ${spec.title}`, spec] as const))(
      '%s',
      async (_title, spec) => {
        if (!canRun(spec)) return
        const records = normalize(await runSpec({ server, open }, spec), canonicalUrl)
        const wanted = expectations(spec).map((each) => normalize(each, canonicalUrl))
        if (wanted.length === 1) expect(records).toEqual(wanted[0])
        else expect(wanted).toContainEqual(records)
      },
    )
  })
})

/** The golden records; where the contract departs from requests, what it wants instead, or both. */
function expectations({ golden, departure }: Spec): Spec['golden'][] {
  if (departure === undefined) return [golden]
  return departure.either === true ? [golden, departure.expect] : [departure.expect]
}

function canRun({ requires }: Spec): boolean {
  if (requires === undefined) return true
  try {
    return new TextDecoder(requires).decode(new Uint8Array([0x80])) === '€'
  } catch {
    return false
  }
}
