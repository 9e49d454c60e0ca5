/** HTTP/2 (RFC 9113) frame by frame, right or wrong: these functions make bytes, and keep no rule but that of the frame's own head. */
import { encodeHeaders, type HeaderList } from './hpack.ts'

export const frameTypes = {
  ...{ data: 0, headers: 1, priority: 2, rstStream: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7 },
  ...{ windowUpdate: 8, continuation: 9 },
} as const

export const flags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const

export const codes = {
  ...{ noError: 0, protocolError: 1, internalError: 2, flowControlError: 3, settingsTimeout: 4, streamClosed: 5 },
  ...{ frameSizeError: 6, refusedStream: 7, cancel: 8, compressionError: 9, connectError: 10, enhanceYourCalm: 11 },
  ...{ inadequateSecurity: 12, http11Required: 13 },
} as const

export const settingIds = {
  ...{ headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5 },
  ...{ maxHeaderListSize: 6 },
} as const

export type Settings = Partial<Record<keyof typeof settingIds, number>>

/** What a client says first. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export function frame(type: number, flagBits: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flagBits
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

/** @returns the first whole frame and its length in bytes; nothing where it is not whole yet */
export function readFrame(bytes: Buffer): { frame: Frame; length: number } | undefined {
  if (bytes.length < 9) return undefined
  const length = 9 + bytes.readUIntBE(0, 3)
  if (bytes.length < length) return undefined
  const streamId = bytes.readUInt32BE(5) & 0x7fff_ffff
  return { frame: { type: bytes[3]!, flags: bytes[4]!, streamId, payload: bytes.subarray(9, length) }, length }
}

export function settings(values: Settings = {}): Buffer {
  const entries = Object.entries(values) as [keyof Settings, number][]
  const payload = Buffer.concat(
    entries.map(([name, value]) => {
      const entry = Buffer.alloc(6)
      entry.writeUInt16BE(settingIds[name], 0)
      entry.writeUInt32BE(value, 2)
      return entry
    }),
  )
  return frame(frameTypes.settings, 0, 0, payload)
}

export const settingsAck = (): Buffer => frame(frameTypes.settings, flags.ack, 0)

export interface HeadersPart {
  /** Default: there is a body. */
  readonly isLast?: boolean
  /** Bytes of a frame, after which the list goes on in a CONTINUATION. Default: what every peer takes. */
  readonly split?: number
  /** Of the last frame; `false` leaves the list without an end. */
  readonly isWhole?: boolean
}

/** HEADERS, and as many CONTINUATIONs as it needs. */
export function headers(streamId: number, list: HeaderList, part: HeadersPart = {}): Buffer {
  return headerFrames(frameTypes.headers, streamId, encodeHeaders(list), part)
}

/** The head of a response. */
export function response(streamId: number, status: number, list: HeaderList = [], part?: HeadersPart): Buffer {
  return headers(streamId, [[':status', String(status)], ...list], part)
}

export function pushPromise(streamId: number, promisedId: number, list: HeaderList): Buffer {
  return headerFrames(frameTypes.pushPromise, streamId, Buffer.concat([uint32(promisedId), encodeHeaders(list)]), {})
}

function headerFrames(type: number, streamId: number, block: Buffer, part: HeadersPart): Buffer {
  const { isLast = false, split = 16_384, isWhole = true } = part
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < block.length; at += split) {
    const isEnd = at + split >= block.length && isWhole
    const flagBits = (at === 0 && isLast ? flags.endStream : 0) | (isEnd ? flags.endHeaders : 0)
    frames.push(frame(at === 0 ? type : frameTypes.continuation, flagBits, streamId, block.subarray(at, at + split)))
  }
  return Buffer.concat(frames)
}

/** One DATA frame. */
export function data(streamId: number, body: string | Uint8Array, isLast = false): Buffer {
  return frame(frameTypes.data, isLast ? flags.endStream : 0, streamId, Buffer.from(body as string))
}

/** As many DATA frames as it needs. */
export function body(streamId: number, bytes: Buffer, isLast = true): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += 16_384) {
    frames.push(data(streamId, bytes.subarray(at, at + 16_384), isLast && at + 16_384 >= bytes.length))
  }
  return Buffer.concat(frames)
}

export const rstStream = (streamId: number, code: number): Buffer =>
  frame(frameTypes.rstStream, 0, streamId, uint32(code))

export const goaway = (lastStreamId: number, code: number = codes.noError, text = ''): Buffer =>
  frame(frameTypes.goaway, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(text)]))

export const ping = (ack = false): Buffer => frame(frameTypes.ping, ack ? flags.ack : 0, 0, Buffer.alloc(8, 'p'))

/** @param streamId 0: of the connection */
export const windowUpdate = (streamId: number, bytes: number): Buffer =>
  frame(frameTypes.windowUpdate, 0, streamId, uint32(bytes))

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** The whole of a response, with its length. */
export function answer(streamId: number, text = 'fine', list: HeaderList = [], status = 200): Buffer {
  const length = ['content-length', String(Buffer.byteLength(text))] as const
  return Buffer.concat([response(streamId, status, [length, ...list]), body(streamId, Buffer.from(text))])
}
