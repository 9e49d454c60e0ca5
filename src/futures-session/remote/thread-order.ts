import { monotonicTime } from '../../deadline.ts'
import type { SharedCopy } from '../../executor/remote.ts'
import type { Call } from '../../session/call/call.ts'
import type { CallObserver } from '../../session/call/call-observer.ts'
import type { CallPosition, ResumedPosition } from '../../session/call/call-position.ts'
import { HeaderMap } from '../../session/headers.ts'
import type { RequestSpec } from '../../session/options/options.ts'
import { PreparedRequest, requestNotes } from '../../session/prepared-request.ts'
import type { Response } from '../../session/response/response.ts'
import { openCall } from '../../session/session.ts'
import { bodyAsGiven, unpackBody } from './pack-body.ts'
import type { Order, PackedPosition, Parcel } from './protocol.ts'
import { ResponsePacker } from './response-packer.ts'
import { ResponseUnpacker } from './response-unpacker.ts'
import type { PackedSettings } from './settings.ts'
import type { ThreadJar } from './thread-jar.ts'
import { keepHome, ThreadSession } from './thread-session.ts'

/** An order, unpacked in the thread. */
export class ThreadOrder {
  readonly packer: ResponsePacker
  /** `monotonicTime()` here. */
  readonly #startedAt: number
  readonly #order: Order
  readonly #home: ThreadSession
  readonly #body: { data?: unknown; files?: unknown }
  readonly #headers: readonly string[]
  readonly #position: ResumedPosition | undefined

  constructor(order: Order, shared: readonly SharedCopy[] = keepHome(order.shared ?? [])) {
    this.#order = order
    this.#startedAt = monotonicTime() - (order.elapsed ?? 0)
    this.#home = new ThreadSession(shared, order.places)
    this.#body = unpackBody(order.body)
    this.#headers = (shared[1]?.value as PackedSettings).headers
    const known = new Map<Response, number>()
    if (order.position !== undefined) {
      const position = JSON.parse(order.position.text) as PackedPosition
      this.#position = this.#unpackPosition(position, order.position)
      this.#position.history.forEach((response, index) => {
        const number = position.numbers[index]
        if (typeof number === 'number') known.set(response, number)
      })
      this.packer = new ResponsePacker(this.#packing, known, position.count)
    } else {
      this.#position = undefined
      this.packer = new ResponsePacker(this.#packing)
    }
  }

  /** ms since the first attempt has begun. */
  get elapsed(): number {
    return monotonicTime() - this.#startedAt
  }

  get jar(): ThreadJar | undefined {
    return this.#home.jar
  }

  open(observer: CallObserver): Call {
    const { method, url, options, prepared } = this.#order
    const { session, auth } = this.#home
    const ownAuth = auth === undefined ? undefined : { auth }
    const own = { ...options, ...ownAuth }
    if (prepared !== undefined) return openCall(session, this.#prepare(), observer, own, this.#position)
    const spec = { method, url, ...own, ...this.#body }
    return openCall(session, spec as RequestSpec, observer, undefined, this.#position)
  }

  stopsBefore(origin: string): boolean {
    const { boundTo } = this.#order
    return boundTo !== undefined && boundTo !== origin
  }

  packPosition({ request, isHome, history, redirects, attempts, counts }: CallPosition): Parcel {
    const packer = new ResponsePacker(this.#packing)
    const position: PackedPosition = {
      request: packer.packRequest(request),
      isHome,
      redirects,
      attempts,
      counts,
      history: history.map((each) => packer.pack(each)),
      numbers: history.map((each) => this.packer.numberOf(each) ?? null),
      count: this.packer.count,
    }
    return packer.seal(position)
  }

  get #packing(): { headers: readonly string[]; given: unknown } {
    return { headers: this.#headers, given: this.#body.data }
  }

  #prepare(): PreparedRequest {
    const { method, url, prepared } = this.#order
    const request = new PreparedRequest({ method, url, headers: HeaderMap.fromFlat(prepared?.headers ?? []) })
    request.body = this.#body.data as PreparedRequest['body']
    requestNotes.add(request, { cookie: prepared?.cookie, options: prepared?.options })
    return request
  }

  #unpackPosition(position: PackedPosition, parcel: Parcel): ResumedPosition {
    const { isHome, redirects, attempts, counts } = position
    const unpacker = new ResponseUnpacker({
      headers: this.#headers,
      options: this.#order.prepared?.options,
      bodyAsGiven: (contentType) => bodyAsGiven(this.#body, contentType),
    })
    const history = position.history.map((each) => unpacker.unpack(each, parcel))
    const request = unpacker.unpackRequest(position.request, parcel)
    const keepsBody = position.request.hasGivenBody === true
    const elapsed = monotonicTime() - this.#startedAt
    return { request, isHome, history, redirects, attempts, counts, keepsBody, elapsed }
  }
}
