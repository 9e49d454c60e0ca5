import type { SharedValue } from '../../executor/remote.ts'
import type { PreparedBody } from '../../session/body/body.ts'
import { optionsOf, type CallSubject } from '../../session/call/call-subject.ts'
import { isRepeatable } from '../../session/call/retry-policy.ts'
import type { RequestOptions, RequestSpec } from '../../session/options/options.ts'
import { flatHeaders, PreparedRequest, requestNotes } from '../../session/prepared-request.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { bodyAsGiven, packBody } from './pack-body.ts'
import { addContentType, packOptions, type Refusal, type Settings, sharedRecipe } from './pack-options.ts'
import type { Order, PackedBody, SharedPlaces } from './protocol.ts'
import { ResponseUnpacker } from './response-unpacker.ts'
import type { SharedJar } from './shared-jar.ts'

/** What requests have in common as long as nothing about their session changes. */
export interface Common {
  readonly core: SessionCore
  readonly settings: Settings
  readonly jar: SharedJar | undefined
  /** The session's jar may be replaced, or switched off, while a request waits for its next attempt. */
  jarNow(): SharedJar | undefined
  /** Home, settings and what the places say; the parts of the jar are added when an attempt is handed to its thread. */
  readonly shared: readonly SharedValue[]
  readonly places: SharedPlaces
  /** The executor tells what happens while a task runs. */
  readonly isLinked: boolean
}

/** A request that was taken in. */
export interface PackedRequestParts {
  readonly subject: CallSubject
  readonly order: Order
  readonly common: Common
  readonly shared: readonly SharedValue[]
  /** Milliseconds; Infinity: none. */
  readonly total: number
  /** Its retry policy would repeat its method, if there were one. */
  readonly isIdempotent: boolean
  /** Hooks in the thread may turn its errors into responses. */
  readonly mayRecover: boolean
}

/** What crosses of a request alone. */
type Particulars = Omit<Order, 'places'>

/**
 * Takes down a request as it is now, for a thread.
 *
 * @throws {TaskNotCloneableError} something in it can't leave this isolate
 * @throws {RequestError} an option or a body that can't be used anywhere
 */
export function packRequest(subject: CallSubject, common: Common, refusal: Refusal): PackedRequestParts {
  const { request } = subject
  const { core } = common
  const { stream, auth, timeout, hooks } = optionsOf(subject, core.defaults)
  if (stream) throw refusal.error('stream', 'on, and the response would be a stream')
  const { shared, places } = shareAuth(common, auth)
  const particulars =
    request instanceof PreparedRequest
      ? packPrepared(request, subject.options ?? {}, refusal)
      : packSpec(request, core, refusal)
  const mayRecover = core.hooks.error.length > 0 || (hooks?.error?.length ?? 0) > 0
  const isIdempotent = isRepeatable(particulars.method, ownRetry(subject), core.retry)
  const order = { ...particulars, places }
  return { subject, order, common, shared, total: timeout.total, isIdempotent, mayRecover }
}

function ownRetry({ request, options }: CallSubject): unknown {
  if (!(request instanceof PreparedRequest)) return request.retry
  return options?.retry ?? (requestNotes.get(request).options as RequestOptions | undefined)?.retry
}

/** For what comes back. */
export function unpackerFor({ subject: { request }, order, common }: PackedRequestParts): ResponseUnpacker {
  return new ResponseUnpacker({
    headers: common.settings.value.headers,
    options: request instanceof PreparedRequest ? requestNotes.get(request).options : undefined,
    bodyAsGiven: (contentType) => givenBody(order.body, request, contentType),
  })
}

/** Before the jar, which comes last. */
function shareAuth({ shared, places }: Common, auth: unknown): Pick<Common, 'shared' | 'places'> {
  const recipe = sharedRecipe(auth)
  if (recipe === undefined) return { shared, places }
  const jar = places.jar === undefined ? undefined : { jar: shared.length + 1 }
  return { shared: [...shared, recipe], places: { ...places, auth: shared.length, ...jar } }
}

function packSpec(spec: RequestSpec, core: SessionCore, refusal: Refusal): Particulars {
  const { method = 'GET', url, data, json, files } = spec
  const target = { method, url: url instanceof URL ? url.href : refusal.check(url, 'url') }
  const options = packOptions(spec, refusal)
  const hasBody = data !== undefined || json !== undefined || files !== undefined
  const { body, contentType } = hasBody
    ? packBody({ data, json, files }, refusal)
    : { body: undefined, contentType: undefined }
  const all = contentType === undefined ? options : addContentType(options, contentType, core.headers)
  return {
    ...target,
    ...(Object.keys(all).length > 0 && { options: all }),
    ...(body && { body }),
  }
}

function packPrepared(request: PreparedRequest, options: object, refusal: Refusal): Particulars {
  const { method, url } = request
  const { cookie, options: ownOptions = {} } = requestNotes.get(request)
  const { body } = packBody({ data: request.body }, refusal)
  const prepared = { headers: flatHeaders(request), cookie, options: packOptions(ownOptions, refusal) }
  return { method, url, prepared, options: packOptions(options, refusal), ...(body && { body }) }
}

/** What comes back without its body had this one. */
function givenBody(
  packed: PackedBody | undefined,
  request: RequestSpec | PreparedRequest,
  contentType: string | undefined,
): PreparedBody | undefined {
  if (packed !== undefined && 'content' in packed && !(packed.content instanceof Blob)) return packed.content
  return request instanceof PreparedRequest ? request.body : bodyAsGiven(request, contentType)
}
