import type { Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import { setImmediate } from 'node:timers'
import { Deadline } from '../../deadline.ts'
import type { Endpoint } from '../destination.ts'
import { informational, tooManyInformational } from '../response-heads.ts'

/** The most bytes of the proxy's answer to CONNECT; Node's own default for headers. */
const maxHeadSize = 16 * 1024
const answerTooLarge = `the headers of its answer to CONNECT exceed ${maxHeadSize / 1024} KiB`
const headEnd = Buffer.from('\r\n\r\n')

/**
 * Asks an HTTP proxy for a tunnel to `target`. Afterwards the socket behaves as if it was connected there.
 *
 * @throws a plain error with the answer of the proxy; the caller destroys the socket then
 */
export async function openTunnel(socket: Socket, target: Endpoint, authorization: string | undefined): Promise<void> {
  const authority = `${target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname}:${target.port}`
  const credentials = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`, 'latin1')
  let status = await readAnswer(socket)
  for (let passed = 0; isInformational(status); passed++) {
    if (passed === informational.most) throw new Error(`it answered CONNECT with ${tooManyInformational}`)
    // CONNECT has no body, so the answer has to follow a 100 soon.
    status = await readAnswer(socket, status === '100' ? informational.patience : undefined)
  }
  if (!status.startsWith('2')) throw new Error(`it answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd())
}

/** Another answer follows them, but none follows a 101. */
function isInformational(status: string): boolean {
  return status.startsWith('1') && status !== '101'
}

async function readAnswer(socket: Socket, patience?: number): Promise<string> {
  const [, status] = /^HTTP\/1\.[01] (\d{3})(?: |\r)/.exec(await readAnswerHead(socket, patience)) ?? []
  if (status === undefined) throw new Error('its answer to CONNECT was not HTTP')
  return status
}

/** Reads up to the empty line and puts back what follows it. Fails if nothing arrives within `patience` milliseconds. */
async function readAnswerHead(socket: Socket, patience?: number): Promise<string> {
  let received: Buffer = Buffer.alloc(0)
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      deadline?.clear()
      socket.removeListener('readable', onReadable).removeListener('close', onClose).removeListener('end', onClose)
    }
    const fail = (reason: string): void => {
      stop()
      reject(new Error(reason))
    }
    const onReadable = (): void => {
      for (let chunk = readChunk(socket); chunk !== null; chunk = readChunk(socket)) {
        deadline?.clear()
        received = Buffer.concat([received, chunk])
        const end = received.indexOf(headEnd)
        if (!startsHead(received)) return fail('its answer to CONNECT was not HTTP')
        if (end === -1 && received.length > maxHeadSize) return fail(answerTooLarge)
        if (end === -1) continue
        stop()
        if (received.length > end + headEnd.length) socket.unshift(received.subarray(end + headEnd.length))
        return resolve(received.toString('latin1', 0, end + 2))
      }
    }
    const onClose = (): void => fail('it closed the connection instead of answering CONNECT')
    const onImpatience = (): void => {
      if (received.length === 0) fail('it answered 100 Continue, and nothing more')
    }
    // After a long pause of the event loop, timers fire before bytes that arrived meanwhile are read: read those first.
    const deadline = patience === undefined ? undefined : new Deadline(patience, () => setImmediate(onImpatience))
    socket.on('readable', onReadable).once('close', onClose).once('end', onClose)
  })
}

/** Checked before the end is there: what is not HTTP may have none. */
function startsHead(bytes: Buffer): boolean {
  return 'HTTP/1.'.startsWith(bytes.toString('latin1', 0, 7))
}

function readChunk(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null
}
