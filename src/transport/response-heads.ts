import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers'
import { Deadline } from '../deadline.ts'

type Push = (chunk: unknown, encoding?: BufferEncoding) => boolean

/**
 * Limits of responses below 200: how many may precede the response, and how many milliseconds it may take after a 100 to a
 * request without a body (the read timeout may be shorter).
 */
export const informational = { most: 100, patience: 2_000 } as const

/**
 * All bytes of headers may be so many times the limit, because undici counts names and values only, which are the smaller
 * part of short headers.
 */
const overhead = 8
const prefix = 'HTTP/'
/** Bounds, byte by byte, of what nearly all responses begin with, and of how long their first line is. */
const [least, greatest, longest] = ['HTTP/1.0 200', 'HTTP/1.1 999', 64]
const [lf, cr, space, tilde] = [10, 13, 32, 126]
const emptyChunk = Buffer.alloc(0)
const tooLarge = 'the headers are too large'
/** Reasons for exchanges on our connections (here) and on a dispatcher of the caller's (exchange-handler.ts). */
export const tooManyInformational = `more than ${informational.most} informational responses`
export const switched = 'a switch of protocols that nobody asked for'
const bareContinue = 'a 100 Continue that nobody asked for, and nothing more'
const mismatch = 'Response does not match the HTTP/1.1 protocol'

/**
 * Filters what arrives on a socket before undici's parser gets it, while headers are awaited. The parser is strict about
 * headers and bodies, but not about status lines: it fails an assertion at a status of 099, accepts RTSP as HTTP, takes the
 * last segment of a split status line for the reason, and fails at an unexpected 100, which is legal (RFC 9110, 15.2). So
 * only complete, valid status lines are passed on, informational responses are not, and endless ones are an error.
 */
export class ResponseHeads {
  readonly #socket: Socket
  readonly #limit: number
  readonly #onBytes: () => boolean
  readonly #push: Push
  /** Whether the parser has got the status line. */
  #isBegun = false
  /** An incomplete status line, or informational response. */
  #held: Buffer | undefined = undefined
  /** Bytes since the request was sent, or since the last informational response. */
  #received = 0
  #passed = 0
  #hasBody = false
  /** Runs after a 100 to a request without a body. */
  #deadline: Deadline | undefined = undefined

  /**
   * @param limit bytes of a status line; all headers together may be a few times as long
   * @param onBytes called for each chunk; returns whether headers are still awaited
   */
  constructor(socket: Socket, limit: number, onBytes: () => boolean) {
    this.#socket = socket
    this.#limit = limit
    this.#onBytes = onBytes
    // Every byte passes `push`, whatever kind of stream the socket is, and however it is read.
    this.#push = socket.push.bind(socket) as Push
    socket.push = (chunk: unknown, encoding?: BufferEncoding) => this.#handle(chunk, encoding)
  }

  /** A request is being written: the next byte is the first one of its response. */
  begin(hasBody: boolean): void {
    this.#isBegun = false
    this.#held = undefined
    this.#received = 0
    this.#passed = 0
    this.#hasBody = hasBody
  }

  /** The read timeout has passed. @returns whether nothing but a bare 100 had come: the exchange fails with that now */
  handleSilence(): boolean {
    if (this.#deadline === undefined) return false
    this.#stopWaiting()
    this.#fail(bareContinue)
    return true
  }

  #handle(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null) return this.#end()
    if (!this.#onBytes() || this.#socket.destroyed) return this.#push(chunk, encoding)
    this.#stopWaiting()
    // Bytes that the parser has not read yet may be body, and are not counted.
    if (this.#received - this.#socket.readableLength > overhead * this.#limit) return this.#fail(tooLarge)
    const bytes = toBuffer(chunk, encoding)
    this.#received += bytes.length
    if (this.#isBegun) return this.#push(bytes)
    if (this.#held !== undefined) return this.#take(Buffer.concat([this.#held, bytes]))
    return isUsual(bytes) ? this.#begin(bytes) : this.#take(bytes)
  }

  /** The parser reports an incomplete line. */
  #end(): boolean {
    this.#stopWaiting()
    if (this.#held !== undefined) this.#begin(this.#held)
    return this.#push(null)
  }

  #take(bytes: Buffer): boolean {
    let at = 0
    for (;;) {
      // The parser skips empty lines before a status line, too.
      while (bytes[at] === cr || bytes[at] === lf) at++
      const end = bytes.indexOf(lf, at)
      if (end === -1) return this.#hold(bytes.subarray(at), this.#limit)
      if (end - at > this.#limit) return this.#fail(tooLarge)
      const line = bytes.toString('latin1', at, end)
      const status = statusOf(line)
      if (typeof status === 'string') return this.#fail(status)
      // The parser rejects lines that end with a bare line feed.
      if (status >= 200 || !line.endsWith('\r')) return this.#begin(readable(bytes.subarray(at), line))
      const next = bytes.indexOf('\r\n\r\n', end - 1, 'latin1') + 4
      if (next < 4) return this.#hold(bytes.subarray(at), overhead * this.#limit)
      if (++this.#passed > informational.most) return this.#fail(tooManyInformational)
      this.#received = 0
      at = next
      if (status === 100 && at === bytes.length && !this.#hasBody) this.#losePatience()
    }
  }

  #hold(bytes: Buffer, most: number): boolean {
    if (bytes.length > most) return this.#fail(tooLarge)
    const start = bytes.toString('latin1', 0, prefix.length)
    if (!prefix.startsWith(start)) return this.#fail(notHttp(start))
    // The parser rejects a bare carriage return at once; a line feed might never come.
    const end = bytes.indexOf(cr)
    if (end !== -1 && end < bytes.length - 1 && bytes[end + 1] !== lf) return this.#begin(bytes)
    this.#held = bytes.length === 0 ? undefined : bytes
    // An empty chunk makes the stream read on.
    return this.#push(emptyChunk)
  }

  /** Fails the exchange if nothing follows a 100 to a request without a body. */
  #losePatience(): void {
    const deadline = new Deadline(informational.patience, () => {
      // After a long pause of the event loop, timers fire before bytes that arrived meanwhile are read: read those first.
      setImmediate(() => this.#deadline === deadline && this.#fail(bareContinue))
    }).unref()
    this.#deadline = deadline
  }

  #stopWaiting(): void {
    this.#deadline?.clear()
    this.#deadline = undefined
  }

  #begin(bytes: Buffer): boolean {
    this.#held = undefined
    this.#isBegun = true
    return this.#push(bytes)
  }

  /** undici passes it on, as it does errors of its parser and of its sockets. */
  #fail(reason: string): boolean {
    this.#socket.destroy(Object.assign(new Error(reason), { name: 'HTTPParserError' }))
    return false
  }
}

/** Whether it begins with a complete, ordinary status line. Compared byte by byte: a string costs ten times as much. */
function isUsual(bytes: Buffer): boolean {
  for (let index = 0; index < least.length; index++) {
    const byte = bytes[index] ?? 0
    if (byte < least.charCodeAt(index) || byte > greatest.charCodeAt(index)) return false
  }
  if (bytes[least.length] !== space && bytes[least.length] !== cr) return false
  for (let index = least.length; index < longest; index++) {
    const byte = bytes[index] ?? 0
    if (byte === cr) return bytes[index + 1] === lf
    if (byte < space || byte > tilde) return false
  }
  return false
}

/** The status in a status line, or a text that says what is wrong with the line. */
function statusOf(line: string): number | string {
  const [, digits] = /^HTTP\/1\.[01] (\d{3})(?:[ \r]|$)/.exec(line) ?? []
  if (digits === undefined) return notHttp(line)
  const status = Number(digits)
  if (status < 100) return `${mismatch} (there is no status ${digits})`
  return status === 101 ? switched : status
}

/** Shows the version only: the rest may be part of somebody's response. */
function notHttp(line: string): string {
  const [version] = /^HTTP\/\d(?:\.\d)?(?=\s)/.exec(line) ?? []
  if (version === 'HTTP/1.1' || version === 'HTTP/1.0') return `${mismatch} (malformed status line)`
  if (version !== undefined) return `${mismatch} (expected HTTP/1.1, got ${version})`
  const isTls = /^[\x14-\x17]/.test(line)
  return `${mismatch} (it does not begin with HTTP/1${isTls ? ', but looks like TLS' : ''})`
}

/** undici decodes reasons as UTF-8: one that is not is taken for latin1, as headers are, and encoded anew. */
function readable(bytes: Buffer, line: string): Buffer {
  if (isUtf8(bytes.subarray(0, line.length))) return bytes
  return Buffer.concat([Buffer.from(line), bytes.subarray(line.length)])
}

function toBuffer(chunk: unknown, encoding?: BufferEncoding): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk as Uint8Array)
}
