import type { SharedCopy } from '../../executor/remote.ts'
import type { AuthFunction } from '../../session/auth/auth-flow.ts'
import { basic } from '../../session/auth/basic.ts'
import { bearer } from '../../session/auth/bearer.ts'
import { countedDigest } from '../../session/auth/digest.ts'
import { NonceCounts } from '../../session/auth/nonce-counts.ts'
import type { JarRules } from '../../session/cookies/followed-jar.ts'
import { HeaderMap } from '../../session/headers.ts'
import type { SessionOptions } from '../../session/options/options.ts'
import { Environment } from '../../session/network/environment.ts'
import { adoptCore } from '../../session/session-attributes.ts'
import { SessionCore } from '../../session/session-core.ts'
import { Session } from '../../session/session.ts'
import { SharedConnections } from '../../session/shared-connections.ts'
import type { SharedPlaces } from './protocol.ts'
import type { PackedRecipe, PackedSettings } from './settings.ts'
import { ThreadJar } from './thread-jar.ts'

/** What the thread keeps connections for. */
export interface PackedHome {
  readonly id: string
  readonly poolOptions: SessionOptions['poolOptions']
  /** How many requests may be at work in one thread. */
  readonly workers: number
}

const connections = new WeakMap<SharedCopy, SharedConnections>()
/** By settings and jar: a request that goes on may find another jar than the one that it began with. */
const sessions = new WeakMap<SharedCopy, WeakMap<object, Session>>()
const noJar = {}
const jars = new WeakMap<SharedCopy, ThreadJar>()
const authFunctions = new WeakMap<SharedCopy, AuthFunction>()
/** Of executors that share nothing: their copies are new each time. */
const homes = new Map<string, SharedCopy>()

/** The thread's side of a session: made of the shared values, and as long-lived as they are. */
export class ThreadSession {
  readonly session: Session
  readonly jar: ThreadJar | undefined
  readonly auth: AuthFunction | undefined

  constructor(shared: readonly SharedCopy[], { auth, sessionAuth, jar }: SharedPlaces) {
    const [home, settings] = shared as readonly [SharedCopy, SharedCopy]
    this.jar = jar === undefined ? undefined : jarOf(shared[jar] as SharedCopy)
    if (jar !== undefined) this.jar?.follow(shared.slice(jar + 1))
    this.auth = auth === undefined ? undefined : authOf(shared[auth] as SharedCopy)
    const known = sessions.get(settings) ?? new WeakMap<object, Session>()
    let session = known.get(this.jar ?? noJar)
    if (session === undefined) {
      session = makeSession(connectionsOf(home), settings.value as PackedSettings, this.jar)
      if (sessionAuth !== undefined) session.auth = authOf(shared[sessionAuth] as SharedCopy)
      sessions.set(settings, known.set(this.jar ?? noJar, session))
    }
    this.session = session
  }
}

/** As `SharedCopy`s of an executor that knows how to share would be. */
export function keepHome(shared: readonly SharedCopy[]): readonly SharedCopy[] {
  const [home, ...rest] = shared as readonly [SharedCopy, ...SharedCopy[]]
  const { id } = home.value as PackedHome
  const kept = homes.get(id) ?? home
  homes.set(id, kept)
  return [kept, ...rest]
}

function makeSession(
  shared: SharedConnections,
  { headers, attributes, environment }: PackedSettings,
  jar: ThreadJar | undefined,
): Session {
  const session = new Session()
  adoptCore(session, new SessionCore(shared, undefined, environment && new Environment(environment)))
  session.headers = HeaderMap.fromFlat(headers)
  Object.assign(session, attributes)
  session.cookies = jar?.jar ?? false
  return session
}

function connectionsOf(home: SharedCopy): SharedConnections {
  const known = connections.get(home)
  if (known !== undefined) return known
  const { poolOptions, workers } = home.value as PackedHome
  const made = new SharedConnections(poolOptions)
  made.connections.keepFor(workers)
  connections.set(home, made)
  home.onForget = () => void made.release()
  return made
}

function jarOf(root: SharedCopy): ThreadJar {
  const jar = jars.get(root) ?? new ThreadJar(root.value as JarRules)
  jars.set(root, jar)
  return jar
}

function authOf(copy: SharedCopy): AuthFunction {
  const fn = authFunctions.get(copy) ?? cook(copy.value as PackedRecipe)
  authFunctions.set(copy, fn)
  return fn
}

function cook({ name, args: [first = '', second = ''], counts }: PackedRecipe): AuthFunction {
  if (name === 'bearer') return bearer(first)
  return name === 'basic' ? basic(first, second) : countedDigest(first, second, new NonceCounts(counts))
}
