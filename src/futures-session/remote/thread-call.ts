import { monotonicTime } from '../../deadline.ts'
import type { SharedCopy } from '../../executor/remote.ts'
import type { AuthFunction } from '../../session/auth/auth-flow.ts'
import { basic, bearer } from '../../session/auth/basic.ts'
import { countedDigest } from '../../session/auth/digest.ts'
import { NonceCounts } from '../../session/auth/nonce-counts.ts'
import type { CallObserver, Checkpoint, ResumedCheckpoint } from '../../session/call/call-input.ts'
import type { Call } from '../../session/call/call.ts'
import type { JarRules } from '../../session/cookies/followed-jar.ts'
import { HeaderMap } from '../../session/headers.ts'
import { Environment } from '../../session/network/environment.ts'
import type { RequestSpec } from '../../session/options/options.ts'
import { PreparedRequest, addNotes } from '../../session/prepared-request.ts'
import type { Response } from '../../session/response/response.ts'
import { adoptCore } from '../../session/session-attributes.ts'
import { SessionCore, SharedConnections } from '../../session/session-core.ts'
import { openCall, Session } from '../../session/session.ts'
import { bodyAsGiven, unpackBody } from './pack-body.ts'
import type {
  Envelope,
  PackedPoolKey,
  PackedCheckpoint,
  PackedRecipe,
  PackedSession,
  RemoteCall,
  SharedIndex,
} from './protocol.ts'
import { ResponsePacker } from './response-packer.ts'
import { ResponseUnpacker } from './response-unpacker.ts'
import { ThreadJar } from './shared-jar.ts'

/** A RemoteCall, unpacked in the thread. */
export class ThreadCall {
  readonly packer: ResponsePacker
  /** `monotonicTime()` of this thread when the first attempt began. */
  readonly #startedAt: number
  readonly #remoteCall: RemoteCall
  readonly #threadSession: ThreadSession
  readonly #body: { data?: unknown; files?: unknown }
  readonly #headers: readonly string[]
  readonly #checkpoint: ResumedCheckpoint | undefined

  constructor(remoteCall: RemoteCall, shared: readonly SharedCopy[] = keepPoolKey(remoteCall.shared ?? [])) {
    this.#remoteCall = remoteCall
    this.#startedAt = monotonicTime() - (remoteCall.elapsed ?? 0)
    this.#threadSession = new ThreadSession(shared, remoteCall.sharedIndex)
    this.#body = unpackBody(remoteCall.body)
    this.#headers = (shared[1]?.value as PackedSession).headers
    const known = new Map<Response, number>()
    if (remoteCall.checkpoint !== undefined) {
      const checkpoint = JSON.parse(remoteCall.checkpoint.text) as PackedCheckpoint
      this.#checkpoint = this.#unpackCheckpoint(checkpoint, remoteCall.checkpoint)
      this.#checkpoint.history.forEach((response, index) => {
        const number = checkpoint.numbers[index]
        if (typeof number === 'number') known.set(response, number)
      })
      this.packer = new ResponsePacker(this.#packing, known, checkpoint.count)
    } else {
      this.#checkpoint = undefined
      this.packer = new ResponsePacker(this.#packing)
    }
  }

  /** ms since the first attempt has begun. */
  get elapsed(): number {
    return monotonicTime() - this.#startedAt
  }

  get jar(): ThreadJar | undefined {
    return this.#threadSession.jar
  }

  open(observer: CallObserver): Call {
    const { method, url, options, prepared } = this.#remoteCall
    const { session, auth } = this.#threadSession
    const ownAuth = auth === undefined ? undefined : { auth }
    const own = { ...options, ...ownAuth }
    if (prepared !== undefined) return openCall(session, this.#prepare(), observer, own, this.#checkpoint)
    const spec = { method, url, ...own, ...this.#body }
    return openCall(session, spec as RequestSpec, observer, undefined, this.#checkpoint)
  }

  stopsBefore(origin: string): boolean {
    const { boundTo } = this.#remoteCall
    return boundTo !== undefined && boundTo !== origin
  }

  packCheckpoint({ request, isHome, history, redirects, nextNumber, counts }: Checkpoint): Envelope {
    const packer = new ResponsePacker(this.#packing)
    const checkpoint: PackedCheckpoint = {
      request: packer.packRequest(request),
      isHome,
      redirects,
      nextNumber,
      counts,
      history: history.map((each) => packer.pack(each)),
      numbers: history.map((each) => this.packer.numberOf(each) ?? null),
      count: this.packer.count,
    }
    return packer.seal(checkpoint)
  }

  get #packing(): { headers: readonly string[]; given: unknown } {
    return { headers: this.#headers, given: this.#body.data }
  }

  #prepare(): PreparedRequest {
    const { method, url, prepared } = this.#remoteCall
    const request = new PreparedRequest({ method, url, headers: HeaderMap.fromFlat(prepared?.headers ?? []) })
    request.body = this.#body.data as PreparedRequest['body']
    request[addNotes]({ cookie: prepared?.cookie, options: prepared?.options })
    return request
  }

  #unpackCheckpoint(checkpoint: PackedCheckpoint, envelope: Envelope): ResumedCheckpoint {
    const { isHome, redirects, nextNumber, counts } = checkpoint
    const unpacker = new ResponseUnpacker({
      headers: this.#headers,
      options: this.#remoteCall.prepared?.options,
      bodyAsGiven: (contentType) => bodyAsGiven(this.#body, contentType),
    })
    const history = checkpoint.history.map((each) => unpacker.unpack(each, envelope))
    const request = unpacker.unpackRequest(checkpoint.request, envelope)
    const keepsBody = checkpoint.request.hasGivenBody === true
    const elapsed = monotonicTime() - this.#startedAt
    return { request, isHome, history, redirects, nextNumber, counts, keepsBody, elapsed }
  }
}

/** By id, for executors that share nothing: their copies are new each time. */
const poolKeys = new Map<string, SharedCopy>()
const noJar = {}

/** The session in the thread. It is made of the shared values, and kept with them. */
class ThreadSession {
  readonly session: Session
  readonly jar: ThreadJar | undefined
  readonly auth: AuthFunction | undefined

  constructor(shared: readonly SharedCopy[], { auth, sessionAuth, jar }: SharedIndex) {
    const [poolKey, snapshot] = shared as readonly [SharedCopy, SharedCopy]
    this.jar = jar === undefined ? undefined : threadJarOf(shared[jar] as SharedCopy)
    if (jar !== undefined) this.jar?.follow(shared.slice(jar + 1))
    this.auth = auth === undefined ? undefined : authOf(shared[auth] as SharedCopy)
    // By jar: a later attempt may have another one than the first.
    const known = keptWith(snapshot, () => new WeakMap<object, Session>())
    let session = known.get(this.jar ?? noJar)
    if (session === undefined) {
      session = makeSession(connectionsOf(poolKey), snapshot.value as PackedSession, this.jar)
      if (sessionAuth !== undefined) session.auth = authOf(shared[sessionAuth] as SharedCopy)
      known.set(this.jar ?? noJar, session)
    }
    this.session = session
  }
}

/** Keeps the first copy of a pool key, as an executor that shares values would. */
function keepPoolKey(shared: readonly SharedCopy[]): readonly SharedCopy[] {
  const [poolKey, ...rest] = shared as readonly [SharedCopy, ...SharedCopy[]]
  const { id } = poolKey.value as PackedPoolKey
  const kept = poolKeys.get(id) ?? poolKey
  poolKeys.set(id, kept)
  return [kept, ...rest]
}

function makeSession(
  shared: SharedConnections,
  { headers, attributes, environment }: PackedSession,
  jar: ThreadJar | undefined,
): Session {
  const session = new Session()
  session[adoptCore](new SessionCore(shared, undefined, environment && new Environment(environment)))
  session.headers = HeaderMap.fromFlat(headers)
  Object.assign(session, attributes)
  session.cookies = jar?.jar ?? false
  return session
}

function connectionsOf(poolKey: SharedCopy): SharedConnections {
  return keptWith(poolKey, () => {
    const { poolOptions, workers } = poolKey.value as PackedPoolKey
    const made = new SharedConnections(poolOptions)
    made.connections.keepFor(workers)
    poolKey.onForget = () => void made.release()
    return made
  })
}

function threadJarOf(root: SharedCopy): ThreadJar {
  return keptWith(root, () => new ThreadJar(root.value as JarRules))
}

function authOf(copy: SharedCopy): AuthFunction {
  return keptWith(copy, () => makeAuth(copy.value as PackedRecipe))
}

/** Makes something of a shared value once, and keeps it with the thread's copy. */
function keptWith<T>(copy: SharedCopy, make: () => T): T {
  return (copy.kept ??= make()) as T
}

function makeAuth({ name, args: [first = '', second = ''], counts }: PackedRecipe): AuthFunction {
  if (name === 'bearer') return bearer(first)
  return name === 'basic' ? basic(first, second) : countedDigest(first, second, new NonceCounts(counts))
}
