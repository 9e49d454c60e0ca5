import { PassThrough } from 'node:stream'
import zlib from 'node:zlib'
import type { Dispatcher as UndiciDispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConnectionError } from '../../src/errors.ts'
import type { ExchangeHandler } from '../../src/transport/exchange-handler.ts'
import type { Dispatcher } from '../../src/transport/exchange.ts'
import { readAll, TestConnections, text } from '../helpers/exchanges.ts'
import { turn } from '../helpers/gate.ts'

type Options = UndiciDispatcher.DispatchOptions

/** A dispatcher that does as the test says. */
function scripted(script: (handler: ExchangeHandler, options: Options) => void): Dispatcher {
  return {
    dispatch(options: unknown, handler: unknown) {
      script(handler as ExchangeHandler, options as Options)
      return true
    },
  }
}

function makeController() {
  const calls: string[] = []
  const controller = {
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    abort: (error: Error) => void calls.push(`abort: ${error.message}`),
  }
  return { calls, controller: controller as unknown as UndiciDispatcher.DispatchController }
}

const headers = { 'x-a': 'b' }
const url = 'http://scripted.test/'

describe('ExchangeHandler', () => {
  it('hears abort() while a large body is being decoded', async () => {
    const { controller } = makeController()
    const body = zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 1 })
    const dispatcher = scripted((handler) => {
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, { 'content-encoding': 'gzip' })
      handler.onResponseData(controller, body)
      handler.onResponseEnd()
    })
    const exchange = transport.start(url, { dispatcher })
    await Promise.resolve()
    exchange.abort(new Error('enough'))
    await expect(exchange.response).rejects.toThrow('enough')
  })

  let transport: TestConnections
  beforeEach(() => void (transport = new TestConnections()))
  afterEach(async () => transport.close())

  it('takes no response to a request that was not sent, and no second one', async () => {
    const { controller } = makeController()
    const dispatcher = scripted((handler) => {
      handler.onResponseStart(controller, 500, {})
      handler.onResponseData(controller, Buffer.from('too early'))
      handler.onResponseEnd()
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, headers)
      handler.onResponseStart(controller, 500, {})
      handler.onResponseData(controller, Buffer.from('content'))
      handler.onResponseEnd()
      handler.onResponseStart(controller, 500, {})
      handler.onResponseData(controller, Buffer.from('too late'))
      handler.onResponseEnd()
      handler.onResponseError(controller, new Error('too late'))
    })
    const response = await transport.fetch(url, { dispatcher })
    expect(response).toMatchObject({ status: 200, statusText: 'OK', headers })
    expect(text(response)).toBe('content')
  })

  it('refuses to be started once it is over', async () => {
    const { controller } = makeController()
    let late!: ExchangeHandler
    const exchange = transport.start(url, { dispatcher: scripted((handler) => (late = handler)) })
    exchange.abort(new Error('enough'))
    await expect(exchange.response).rejects.toThrow('enough')
    expect(() => late.onRequestStart(controller)).toThrow('aborted before it was written')
  })

  it('closes a connection that switches protocols, for nobody has asked for it', async () => {
    const { controller } = makeController()
    const socket = new PassThrough()
    const dispatcher = scripted((handler) => {
      handler.onRequestStart(controller)
      handler.onRequestUpgrade(controller, 101, {}, socket)
    })
    const error = await transport.failure(url, { dispatcher })
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toBe('No response from http://scripted.test: it switched protocols (101)')
    expect(socket.destroyed).toBe(true)
  })

  it.each([false, true])('passes on what a progress listener throws at the end; stream: %s', async (stream) => {
    const { controller } = makeController()
    const dispatcher = scripted((handler) => {
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, {})
      handler.onResponseData(controller, Buffer.from('content'))
      handler.onResponseEnd()
    })
    const onDownloadProgress = ({ percent }: { percent: number }) => {
      if (percent === 1) throw new RangeError('a listener')
    }
    const reading = transport
      .fetch(url, { dispatcher, stream, onDownloadProgress })
      .then((response) => readAll(response.stream!))
    await expect(reading).rejects.toThrow(new RangeError('a listener'))
  })

  it('goes on sending after the response has begun', async () => {
    const { controller } = makeController()
    const sent: Uint8Array[] = []
    const send = async (handler: ExchangeHandler, body: AsyncIterable<Uint8Array>) => {
      for await (const chunk of body) {
        if (sent.push(chunk) === 1) handler.onResponseStart(controller, 200, headers)
      }
      handler.onResponseData(controller, Buffer.from('received all'))
      handler.onResponseEnd()
    }
    const dispatcher = scripted((handler, { body }) => {
      handler.onRequestStart(controller)
      void send(handler, body as unknown as AsyncIterable<Uint8Array>)
    })
    const source = {
      length: undefined,
      async *open() {
        for (let part = 0; part < 3; part++) yield Buffer.from(`part ${part} `)
      },
    }
    const response = await transport.fetch(url, { dispatcher, method: 'POST', body: source })
    expect(Buffer.concat(sent).toString()).toBe('part 0 part 1 part 2 ')
    expect(text(response)).toBe('received all')
  })

  it('lets the rest of a stream be read when everything has arrived', async () => {
    const { calls, controller } = makeController()
    const dispatcher = scripted((handler) => {
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, headers)
      handler.onResponseData(controller, Buffer.from('one '))
      handler.onResponseData(controller, Buffer.from('two'))
      handler.onResponseEnd()
    })
    const { stream } = await transport.fetch(url, { dispatcher, stream: true })
    await turn()
    expect((await readAll(stream!)).toString()).toBe('one two')
    expect(calls).toEqual([])
  })

  it('lets the connection rest when enough is held, once, and go on when a reader waits, not within its call', async () => {
    const { calls, controller } = makeController()
    let handler!: ExchangeHandler
    const dispatcher = scripted((each) => {
      handler = each
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, headers)
    })
    const { stream } = await transport.fetch(url, { dispatcher, stream: true })
    for (let chunks = 0; chunks < 3; chunks++) handler.onResponseData(controller, Buffer.alloc(50_000))
    expect(calls).toEqual(['pause'])
    const chunks = stream![Symbol.asyncIterator]()
    for (let read = 0; read < 3; read++) expect((await chunks.next()).value).toHaveLength(50_000)
    expect(calls).toEqual(['pause'])
    const next = chunks.next()
    expect(calls).toEqual(['pause'])
    await turn()
    expect(calls).toEqual(['pause', 'resume'])
    handler.onResponseEnd()
    expect((await next).done).toBe(true)
  })

  it('says nothing to a dispatcher that is through with it', async () => {
    const { calls, controller } = makeController()
    const dispatcher = scripted((handler) => {
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, headers)
      handler.onResponseEnd()
    })
    const exchange = transport.start(url, { dispatcher })
    await exchange.response
    exchange.abort(new Error('too late'))
    expect(calls).toEqual([])
  })

  it('waits for a connection without limit where the timeout is Infinity', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const { controller } = makeController()
    let handler!: ExchangeHandler
    const exchange = transport.start(url, {
      dispatcher: scripted((each) => (handler = each)),
      connectTimeout: Infinity,
      readTimeout: Infinity,
    })
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
    handler.onRequestStart(controller)
    handler.onResponseStart(controller, 204, {})
    handler.onResponseEnd()
    expect(await exchange.response).toMatchObject({ status: 204 })
  })
})

it('Connections.destroy() ends what is still under way on dispatchers, whatever has ended before', async () => {
  const transport = new TestConnections()
  const { controller } = makeController()
  const handlers: ExchangeHandler[] = []
  const dispatcher = scripted((handler) => {
    handler.onRequestStart(controller)
    handlers.push(handler)
  })
  const exchanges = Array.from({ length: 4 }, () => transport.start(url, { dispatcher }))
  for (const index of [0, 2]) {
    handlers[index]!.onResponseStart(controller, 204, {})
    handlers[index]!.onResponseEnd()
  }
  const reason = new Error('enough')
  transport.connections.destroy(reason)
  const outcomes = await Promise.allSettled(exchanges.map(({ response }) => response))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  await transport.close()
})
