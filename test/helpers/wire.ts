import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import type { ConnectFunction } from '../../src/transport/connection-options.ts'
import { turn } from './gate.ts'

/** What a server writes, segment by segment; `end`: then it closes. */
export interface Wire {
  readonly segments: readonly Uint8Array[]
  readonly end?: boolean | undefined
}

/**
 * Connections on which the answer comes in exactly these segments, each of them read before the next one is there: on a
 * real network that is up to the kernel. For `poolOptions.connect`.
 */
export function wired({ segments, end = false }: Wire): ConnectFunction {
  return (_options, callback) => {
    let isAsked = false
    const answer = async (): Promise<void> => {
      for (const segment of segments) {
        if (wire.destroyed) return
        wire.push(segment)
        await turn()
        await turn()
      }
      if (end && !wire.destroyed) wire.push(null)
    }
    const wire = new Duplex({
      read() {},
      write(_chunk, _encoding, done) {
        done()
        if (!isAsked) void answer()
        isAsked = true
      },
    })
    const pretends = { ref: () => wire, unref: () => wire, setNoDelay: () => wire, setKeepAlive: () => wire }
    callback(null, Object.assign(wire, pretends) as unknown as Socket)
  }
}

/** In two segments, wherever that may be; in three; byte by byte. */
export function* splits(bytes: Buffer, most: 2 | 3 = 2): Generator<Buffer[]> {
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  for (let first = 1; first < bytes.length; first++) {
    yield [bytes.subarray(0, first), bytes.subarray(first)]
    for (let second = first + 1; most === 3 && second < bytes.length; second++) {
      yield [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]
    }
  }
}
