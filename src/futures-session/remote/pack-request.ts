import type { SharedValue } from '../../executor/remote.ts'
import type { PreparedBody } from '../../session/body/body.ts'
import { resolvedOptionsOf, type CallInput } from '../../session/call/call-input.ts'
import { isRepeatable } from '../../session/call/retry-policy.ts'
import type { RequestOptions, RequestSpec } from '../../session/options/options.ts'
import { flatHeaders, PreparedRequest, requestNotes } from '../../session/prepared-request.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { bodyAsGiven, packBody } from './pack-body.ts'
import { addContentType, packOptions, type CloneCheck, type SessionSnapshot, sharedRecipe } from './pack-options.ts'
import type { RemoteCall, PackedBody, SharedIndex } from './protocol.ts'
import { ResponseUnpacker } from './response-unpacker.ts'
import type { SharedJar } from './shared-jar.ts'

/** What all requests share as long as their session does not change. */
export interface Common {
  readonly core: SessionCore
  readonly snapshot: SessionSnapshot
  readonly jar: SharedJar | undefined
  /** The session's jar may be replaced, or switched off, while a request waits for its next attempt. */
  jarNow(): SharedJar | undefined
  /** Pool key, snapshot and what `sharedIndex` names; the segments of the jar are added when an attempt is handed to its thread. */
  readonly shared: readonly SharedValue[]
  readonly sharedIndex: SharedIndex
  /** The executor connects a running task with its submitter: see RemoteLink. */
  readonly isLinked: boolean
}

/** A packed request, and what its run needs to know. */
export interface PackedRequestParts {
  readonly subject: CallInput
  readonly remoteCall: RemoteCall
  readonly common: Common
  readonly shared: readonly SharedValue[]
  /** The total timeout in ms; Infinity: none. */
  readonly total: number
  /** A retry policy would repeat its method. */
  readonly isIdempotent: boolean
  /** Hooks in the thread may turn its errors into responses. */
  readonly mayRecover: boolean
}

/** The parts of a RemoteCall that belong to the request alone. */
type Particulars = Omit<RemoteCall, 'sharedIndex'>

/**
 * Packs a request as it is now.
 *
 * @throws {TaskNotCloneableError} something in it can't leave this isolate
 * @throws {RequestError} an option or a body that can't be used anywhere
 */
export function packRequest(subject: CallInput, common: Common, cloneCheck: CloneCheck): PackedRequestParts {
  const { request } = subject
  const { core } = common
  const { stream, auth, timeout, hooks } = resolvedOptionsOf(subject, core.defaults)
  if (stream) throw cloneCheck.error('stream', 'on, and the response would be a stream')
  const { shared, sharedIndex } = shareAuth(common, auth)
  const particulars =
    request instanceof PreparedRequest
      ? packPrepared(request, subject.options ?? {}, cloneCheck)
      : packSpec(request, core, cloneCheck)
  const mayRecover = core.hooks.error.length > 0 || (hooks?.error?.length ?? 0) > 0
  const isIdempotent = isRepeatable(particulars.method, ownRetry(subject), core.retry)
  const remoteCall = { ...particulars, sharedIndex }
  return { subject, remoteCall, common, shared, total: timeout.total, isIdempotent, mayRecover }
}

function ownRetry({ request, options }: CallInput): unknown {
  if (!(request instanceof PreparedRequest)) return request.retry
  return options?.retry ?? (request[requestNotes].options as RequestOptions | undefined)?.retry
}

/** Makes the unpacker of what comes back. */
export function unpackerFor({ subject: { request }, remoteCall, common }: PackedRequestParts): ResponseUnpacker {
  return new ResponseUnpacker({
    headers: common.snapshot.value.headers,
    options: request instanceof PreparedRequest ? request[requestNotes].options : undefined,
    bodyAsGiven: (contentType) => givenBody(remoteCall.body, request, contentType),
  })
}

/** Puts the recipe before the jar, which has to be last. */
function shareAuth({ shared, sharedIndex }: Common, auth: unknown): Pick<Common, 'shared' | 'sharedIndex'> {
  const recipe = sharedRecipe(auth)
  if (recipe === undefined) return { shared, sharedIndex }
  const jar = sharedIndex.jar === undefined ? undefined : { jar: shared.length + 1 }
  return { shared: [...shared, recipe], sharedIndex: { ...sharedIndex, auth: shared.length, ...jar } }
}

function packSpec(spec: RequestSpec, core: SessionCore, cloneCheck: CloneCheck): Particulars {
  const { method = 'GET', url, data, json, files } = spec
  const target = { method, url: url instanceof URL ? url.href : cloneCheck.check(url, 'url') }
  const options = packOptions(spec, cloneCheck)
  const hasBody = data !== undefined || json !== undefined || files !== undefined
  const { body, contentType } = hasBody
    ? packBody({ data, json, files }, cloneCheck)
    : { body: undefined, contentType: undefined }
  const all = contentType === undefined ? options : addContentType(options, contentType, core.headers)
  return {
    ...target,
    ...(Object.keys(all).length > 0 && { options: all }),
    ...(body && { body }),
  }
}

function packPrepared(request: PreparedRequest, options: object, cloneCheck: CloneCheck): Particulars {
  const { method, url } = request
  const { cookie, options: ownOptions = {} } = request[requestNotes]
  const { body } = packBody({ data: request.body }, cloneCheck)
  const prepared = { headers: request[flatHeaders], cookie, options: packOptions(ownOptions, cloneCheck) }
  return { method, url, prepared, options: packOptions(options, cloneCheck), ...(body && { body }) }
}

/** The body of requests that come back without one, because it is the one that was given. */
function givenBody(
  packed: PackedBody | undefined,
  request: RequestSpec | PreparedRequest,
  contentType: string | undefined,
): PreparedBody | undefined {
  if (packed !== undefined && 'content' in packed && !(packed.content instanceof Blob)) return packed.content
  return request instanceof PreparedRequest ? request.body : bodyAsGiven(request, contentType)
}
