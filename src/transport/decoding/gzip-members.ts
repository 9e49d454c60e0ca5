import { promisify } from 'node:util'
import zlib from 'node:zlib'

const headerSize = 10
const trailerSize = 8
const flag = { headerCrc: 2, extra: 4, name: 8, comment: 16 }

/** Of a file that zlib has refused: nobody makes more, and each costs a run of zlib. */
const mostMembers = 1000

interface Inflated {
  readonly buffer: Buffer
  /** What was read of the input. */
  readonly engine: { readonly bytesWritten: number }
}

/** What is to be inflated next; it gets nothing where that fails. */
type Steps = Generator<{ readonly bytes: Buffer; readonly limit: number }, Buffer | undefined, Inflated | undefined>

/**
 * Decodes a gzip file that zlib has refused, for `requests` and browsers are more patient: what follows the last member
 * of a file and is no member itself is ignored. A member that breaks off, or whose checksum is wrong, is still an error.
 *
 * @param refusal what zlib said
 * @throws `refusal`, if it was right
 */
export function gunzipMembers(body: Buffer, limit: number, refusal: unknown): Buffer {
  const steps = membersOf(body, limit, refusal)
  let step = steps.next()
  while (step.done !== true) step = steps.next(inflateSync(step.value.bytes, step.value.limit))
  if (step.value === undefined) throw refusal
  return step.value
}

/** The same, on a thread of libuv's pool. */
export async function gunzipMembersLater(body: Buffer, limit: number, refusal: unknown): Promise<Buffer> {
  const steps = membersOf(body, limit, refusal)
  let step = steps.next()
  while (step.done !== true) step = steps.next(await inflateLater(step.value.bytes, step.value.limit))
  if (step.value === undefined) throw refusal
  return step.value
}

function* membersOf(body: Buffer, limit: number, refusal: unknown): Steps {
  if ((refusal as { code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE') return undefined
  const members: Buffer[] = []
  let size = 0
  let rest = body
  while (startsMember(rest)) {
    if (members.length === mostMembers) return undefined
    const start = endOfHeader(rest)
    const inflated = yield { bytes: rest.subarray(start), limit: limit - size }
    const end = inflated && endOfMember(rest, start, inflated)
    if (inflated === undefined || end === undefined) return undefined
    members.push(inflated.buffer)
    size += inflated.buffer.length
    rest = rest.subarray(end)
  }
  return members.length === 0 ? undefined : Buffer.concat(members, size)
}

function startsMember(bytes: Buffer): boolean {
  return bytes.length > headerSize && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8
}

/** RFC 1952. Nothing, if it is corrupt or truncated. */
function endOfMember(bytes: Buffer, start: number, { buffer, engine }: Inflated): number | undefined {
  const trailer = start + engine.bytesWritten
  if (bytes.length < trailer + trailerSize || bytes.readUInt32LE(trailer) !== zlib.crc32(buffer)) return undefined
  return trailer + trailerSize
}

const inflateRaw = promisify<Buffer, zlib.ZlibOptions, unknown>(zlib.inflateRaw)

function inflateSync(bytes: Buffer, limit: number): Inflated | undefined {
  try {
    return zlib.inflateRawSync(bytes, optionsFor(limit)) as unknown as Inflated
  } catch {
    return undefined
  }
}

function inflateLater(bytes: Buffer, limit: number): Promise<Inflated | undefined> {
  return inflateRaw(bytes, optionsFor(limit)).then(
    (inflated) => inflated as Inflated,
    () => undefined,
  )
}

function optionsFor(limit: number): zlib.ZlibOptions {
  return { info: true, ...(limit !== Infinity && { maxOutputLength: Math.max(1, limit) }) }
}

function endOfHeader(bytes: Buffer): number {
  const flags = bytes[3] ?? 0
  let end = headerSize
  if (flags & flag.extra) end += 2 + (bytes[end] ?? 0) + ((bytes[end + 1] ?? 0) << 8)
  if (flags & flag.name) end = endOfText(bytes, end)
  if (flags & flag.comment) end = endOfText(bytes, end)
  if (flags & flag.headerCrc) end += 2
  return end
}

/** Behind the zero byte that ends it. */
function endOfText(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(0, start)
  return end === -1 ? bytes.length : end + 1
}
