import type { SharedValue } from '../../executor/remote.ts'
import type { PreparedBody } from '../../session/body.ts'
import { optionsOf, type CallSubject } from '../../session/call-subject.ts'
import type { RequestSpec } from '../../session/options.ts'
import { flatHeaders, PreparedRequest, requestNotes } from '../../session/prepared-request.ts'
import type { SessionCore } from '../../session/session-core.ts'
import { bodyAsGiven, packBody } from './pack-body.ts'
import { addContentType, packOptions } from './pack-options.ts'
import type { Order, PackedBody, SharedPlaces } from './protocol.ts'
import type { Refusal } from './refusal.ts'
import type { RemoteRequestParts } from './remote-run.ts'
import { ResponseUnpacker } from './response-unpacker.ts'
import { sharedRecipe, type Settings } from './settings.ts'
import type { SharedJar } from './shared-jar.ts'

/** What the requests of a session have in common. */
export interface Common {
  readonly core: SessionCore
  readonly home: SharedValue
  readonly settings: Settings
  readonly jar: SharedJar | undefined
  readonly isLinked: boolean
}

/** What crosses of a request alone. */
type Particulars = Omit<Order, 'places'>

/**
 * Takes down a request as it is now, for a thread.
 *
 * @throws {TaskNotCloneableError} something in it can't leave this isolate
 * @throws {RequestError} an option or a body that can't be used anywhere
 */
export function packRequest(subject: CallSubject, common: Common, refusal: Refusal): RemoteRequestParts {
  const { request } = subject
  const { core, jar, settings, isLinked } = common
  const { stream, auth, timeout } = optionsOf(subject, core.defaults)
  if (stream) throw refusal.error('stream', 'on, and the response would be a stream')
  const { shared, places } = share(common, auth)
  const particulars =
    request instanceof PreparedRequest
      ? packPrepared(request, subject.options ?? {}, refusal)
      : packSpec(request, core, refusal)
  const unpacker = new ResponseUnpacker({
    headers: settings.value.headers,
    bodyAsGiven: (contentType) => givenBody(particulars.body, request, contentType),
  })
  return { subject, order: { ...particulars, places }, shared, jar, unpacker, total: timeout.total, isLinked }
}

function share(
  { core, home, settings, jar }: Common,
  ownAuth: unknown,
): { shared: readonly SharedValue[]; places: SharedPlaces } {
  const shared: SharedValue[] = [home, settings]
  const place = (value: SharedValue | undefined): number | undefined => value && shared.push(value) - 1
  const sessionAuth = place(sharedRecipe(core.auth))
  const auth = place(sharedRecipe(ownAuth))
  return {
    shared,
    places: {
      ...(sessionAuth !== undefined && { sessionAuth }),
      ...(auth !== undefined && { auth }),
      ...(jar !== undefined && { jar: shared.length }),
    },
  }
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
