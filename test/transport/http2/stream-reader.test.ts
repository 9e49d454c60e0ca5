import { EventEmitter } from 'node:events'
import type { ClientHttp2Stream } from 'node:http2'
import { describe, expect, it } from 'vitest'
import type { ExchangeHandler } from '../../../src/transport/exchange-handler.ts'
import { StreamReader } from '../../../src/transport/http2/stream-reader.ts'

/** A stream to which things happen in an order that no server can make. */
class FakeStream extends EventEmitter {
  destroyed = false
  reads = 0

  push(chunk: Buffer | null): boolean {
    return chunk !== null
  }

  _read(): void {
    this.reads++
  }

  head(...fields: string[]): void {
    this.emit('response', {}, 0, [':status', '200', ...fields])
  }
}

function open(method = 'GET'): { stream: FakeStream; reader: StreamReader; told: string[] } {
  const stream = new FakeStream()
  const told: string[] = []
  const exchange = {
    request: { method },
    handleBytes: () => true,
    onResponseStart: (_controller: unknown, status: number) => told.push(`head ${status}`),
    onResponseData: (_controller: unknown, chunk: Buffer) => told.push(String(chunk)),
    onResponseEnd: () => told.push('end'),
  } as unknown as ExchangeHandler
  const listener = {
    abort: () => {},
    pause: () => {},
    resume: () => {},
    fail: (error: Error) => told.push((error as NodeJS.ErrnoException).code ?? ''),
    handleClose: () => told.push('closed'),
  }
  const limits = { maxHeaderSize: 100, maxResponseSize: 20 }
  const reader = new StreamReader(stream as unknown as ClientHttp2Stream, listener, exchange, limits)
  return { stream, reader, told }
}

describe('StreamIntake', () => {
  it('holds what comes before the header is told', () => {
    const { stream, told } = open()
    stream.push(Buffer.from('one'))
    stream.push(Buffer.from('two'))
    stream.push(null)
    expect(told).toEqual([])
    stream.head('content-length', '6')
    expect(told).toEqual(['head 200', 'one', 'two', 'end'])
  })

  it('is told of no end by a stream that is destroyed', () => {
    const { stream, told } = open()
    stream.head()
    stream.destroyed = true
    stream.push(null)
    expect(told).toEqual(['head 200'])
    stream.emit('close')
    expect(told).toEqual(['head 200', 'closed'])
  })

  it('closes where the end has come, and no header', async () => {
    const { stream, told } = open()
    stream.push(null)
    stream.push(null)
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toEqual(['closed'])
  })

  it('lets the peer send on, unless it is paused', () => {
    const { stream, reader } = open()
    stream.head()
    expect(stream.reads).toBe(1)
    expect(stream.push(Buffer.from('x'))).toBe(true)
    reader.pause()
    expect(stream.push(Buffer.from('x'))).toBe(false)
    reader.resume()
    expect(stream.reads).toBe(2)
    expect(stream.push(Buffer.from('x'))).toBe(true)
  })

  it('passes nothing on once it is stopped', () => {
    const { stream, reader, told } = open()
    stream.head()
    reader.stop()
    expect(stream.push(Buffer.from('late'))).toBe(true)
    stream.push(null)
    stream.head()
    expect(told).toEqual(['head 200'])
  })

  it.each<[string, string[], string[]]>([
    ['a header', ['x', 'y'.repeat(100)], ['UND_ERR_HEADERS_OVERFLOW']],
    ['a body', [], ['head 200', 'UND_ERR_RES_EXCEEDED_MAX_SIZE']],
  ])('fails at %s that is too large', (_, fields, expected) => {
    const { stream, told } = open()
    stream.head(...fields)
    stream.push(Buffer.from('more than 20 bytes, by one or two'))
    expect(told.slice(0, expected.length)).toEqual(expected)
  })

  it('keeps the first reason of a failure', () => {
    const { stream, reader } = open()
    stream.emit('error', new Error('first'))
    stream.emit('error', new Error('second'))
    expect(reader.failure?.message).toBe('first')
  })

  it('is over at the header where there is no body', () => {
    const { stream, told } = open('HEAD')
    stream.head('content-length', '6')
    expect(told).toEqual(['head 200', 'end'])
  })
})
