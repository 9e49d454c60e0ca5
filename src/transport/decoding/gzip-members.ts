import zlib from 'node:zlib'

const headerSize = 10
const trailerSize = 8
const flag = { headerCrc: 2, extra: 4, name: 8, comment: 16 }

/**
 * Decodes a gzip file that zlib has refused, for `requests` and browsers are more patient: what follows the last member
 * of a file and is no member itself is ignored. A member that breaks off, or whose checksum is wrong, is still an error.
 *
 * @param refusal what zlib said
 * @throws `refusal`, if it was right
 */
export function gunzipMembers(body: Buffer, limit: number, refusal: unknown): Buffer {
  const members: Buffer[] = []
  let size = 0
  let rest = body
  while (startsMember(rest)) {
    const member = readMember(rest, limit - size)
    if (member === undefined) throw refusal
    members.push(member.content)
    size += member.content.length
    rest = rest.subarray(member.end)
  }
  if (members.length === 0) throw refusal
  return Buffer.concat(members, size)
}

function startsMember(bytes: Buffer): boolean {
  return bytes.length > headerSize && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8
}

/** RFC 1952. Nothing, if it is corrupt, truncated or larger than `limit`. */
function readMember(bytes: Buffer, limit: number): { content: Buffer; end: number } | undefined {
  const start = endOfHeader(bytes)
  try {
    const { buffer: content, engine } = zlib.inflateRawSync(bytes.subarray(start), {
      info: true,
      ...(limit !== Infinity && { maxOutputLength: Math.max(1, limit) }),
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    const trailer = start + engine.bytesWritten
    if (bytes.length < trailer + trailerSize) return undefined
    if (bytes.readUInt32LE(trailer) !== zlib.crc32(content)) return undefined
    return { content, end: trailer + trailerSize }
  } catch {
    return undefined
  }
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
