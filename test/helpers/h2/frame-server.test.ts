/** The peers of the tests of HTTP/2 themselves, met by the client of node:http2. */
import { once } from 'node:events'
import http2 from 'node:http2'
import { afterEach, describe, expect, test } from 'vitest'
import { gate, until } from '../gate.ts'
import { startFrameServer, type FrameScript, type FrameServer, type FrameServerOptions } from './frame-server.ts'
import { answer, body, codes, data, goaway, headers, pushPromise, response, rstStream, settings } from './frames.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(script: FrameScript, options?: FrameServerOptions): Promise<FrameServer> {
  const server = await startFrameServer(script, options)
  cleanups.push(() => server.close())
  return server
}

function open({ url }: FrameServer, options: http2.SecureClientSessionOptions = {}): http2.ClientHttp2Session {
  const session = http2.connect(url, { rejectUnauthorized: false, ...options })
  session.on('error', () => {})
  cleanups.push(() => session.destroy())
  return session
}

interface Outcome {
  readonly head: http2.IncomingHttpHeaders
  readonly hints: number[]
  readonly text: string
  readonly code: number
  readonly error: string | undefined
}

async function ask(
  session: http2.ClientHttp2Session,
  head: http2.OutgoingHttpHeaders = {},
  upload?: Buffer,
): Promise<Outcome> {
  const stream = session.request({ ':path': '/', ...head }, { endStream: upload === undefined })
  const outcome = { head: {}, hints: [] as number[], text: '', code: 0, error: undefined as string | undefined }
  stream.on('response', (received) => (outcome.head = received))
  stream.on('headers', (received) => outcome.hints.push(received[':status']!))
  stream.on('data', (chunk: Buffer) => (outcome.text += chunk.toString()))
  stream.on('error', (error: NodeJS.ErrnoException) => (outcome.error = error.code))
  if (upload !== undefined) stream.end(upload)
  await new Promise<void>((resolve) => stream.once('close', () => resolve()))
  return { ...outcome, code: stream.rstCode }
}

const each =
  (act: (id: number, path: string) => Uint8Array): FrameScript =>
  async (peer) => {
    for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
      await peer.send(act(stream.id, stream.path))
    }
  }

describe('startFrameServer', () => {
  test('reads what the client says, its Huffman codes and its table of headers, too', async () => {
    const server = await start(each((id) => answer(id, 'fine')))
    const session = open(server)
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')
    const text = printable.replace('\\', '').trim()
    for (let turn = 0; turn < 3; turn++) {
      expect(await ask(session, { ':path': `/a%20b/${turn}`, 'x-text': text, 'x-turn': turn })).toMatchObject({
        head: { ':status': 200, 'content-length': '4' },
        text: 'fine',
        error: undefined,
      })
    }
    const { streams } = server.peers[0]!
    expect([...streams.keys()]).toEqual([1, 3, 5])
    for (const stream of streams.values()) {
      expect(stream).toMatchObject({ method: 'GET', isEnded: true, resetCode: undefined })
      expect(stream.headers).toContainEqual(['x-text', text])
      expect(stream.headers).toContainEqual([':authority', `localhost:${server.port}`])
    }
    expect(server.seen).toEqual(['GET /a%20b/0', 'GET /a%20b/1', 'GET /a%20b/2'])
  })

  test('takes long lists of headers and long bodies, and gives them', async () => {
    const upload = Buffer.alloc(300_000, 'u')
    const long = 'x'.repeat(40_000)
    const server = await start(async (peer) => {
      const stream = (await peer.request())!
      const received = await peer.bodyOf(stream)
      await peer.send(response(stream.id, 200, [['x-long', long]], { split: 10_000 }), body(stream.id, received))
    })
    const session = open(server, { maxSendHeaderBlockLength: 100_000, settings: { initialWindowSize: 1_000_000 } })
    await once(session, 'connect')
    session.setLocalWindowSize(1_000_000)
    const { head, text, error } = await ask(session, { ':method': 'POST', 'x-long': long }, upload)
    expect({ long: head['x-long'] === long, isWhole: text === upload.toString(), error }).toEqual({
      long: true,
      isWhole: true,
      error: undefined,
    })
    expect(server.peers[0]!.streams.get(1)!.headers).toContainEqual(['x-long', long])
  })

  test('sends 1xx, trailers, a reset at any point', async () => {
    const acts: Record<string, (id: number) => Uint8Array[]> = {
      '/hints': (id) => [response(id, 100), response(id, 103, [['link', '</a>']]), answer(id)],
      '/trailers': (id) => [response(id, 200), data(id, 'fine'), headers(id, [['x-sum', '1']], { isLast: true })],
      '/before': (id) => [rstStream(id, codes.refusedStream)],
      '/within': (id) => [response(id, 200), data(id, 'ha'), rstStream(id, codes.internalError)],
      '/after': (id) => [response(id, 200), data(id, 'fine', true), rstStream(id, codes.noError)],
    }
    const session = open(await start(each((id, path) => Buffer.concat(acts[path]!(id)))))
    expect(await ask(session, { ':path': '/hints' })).toMatchObject({ hints: [100, 103], text: 'fine', code: 0 })
    expect(await ask(session, { ':path': '/trailers' })).toMatchObject({ text: 'fine', code: 0 })
    expect(await ask(session, { ':path': '/before' })).toMatchObject({
      code: codes.refusedStream,
      error: 'ERR_HTTP2_STREAM_ERROR',
    })
    expect(await ask(session, { ':path': '/within' })).toMatchObject({ text: 'ha', code: codes.internalError })
    expect(await ask(session, { ':path': '/after' })).toMatchObject({ text: 'fine', code: 0 })
  })

  test('sends GOAWAY with any last id, SETTINGS at any time', async () => {
    const [ready, over] = [gate(), gate()]
    const server = await start(
      async (peer) => {
        const first = (await peer.request())!
        await peer.request()
        await ready.promise
        await peer.send(settings({ maxConcurrentStreams: 7, initialWindowSize: 0 }), goaway(1, codes.noError, 'bye'))
        await over.promise
        await peer.send(answer(first.id))
      },
      { settings: { maxConcurrentStreams: 100 } },
    )
    const session = open(server)
    const codesOfGoaway: number[] = []
    session.on('goaway', (code, lastId) => codesOfGoaway.push(code, lastId))
    const outcomes = [ask(session), ask(session)]
    await until(() => server.seen.length === 2)
    expect(session.remoteSettings.maxConcurrentStreams).toBe(100)
    ready.open()
    expect(await outcomes[1]).toMatchObject({ text: '' })
    expect(codesOfGoaway).toEqual([0, 1])
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 7, initialWindowSize: 0 })
    over.open()
    expect(await outcomes[0]).toMatchObject({ text: 'fine' })
  })

  test('says nothing where it is not to, and hears a reset and the end', async () => {
    const server = await start(async () => {}, { settings: false, answers: false })
    const session = open(server)
    const stream = session.request({ ':path': '/' }).on('error', () => {})
    await until(() => server.seen.length === 1)
    stream.close(codes.cancel)
    await until(() => server.peers[0]!.streams.get(1)!.resetCode === codes.cancel)
    expect(session.pendingSettingsAck).toBe(true)
    session.destroy()
    await server.peers[0]!.closed
    expect(await server.peers[0]!.request()).toMatchObject({ id: 1 })
    expect(await server.peers[0]!.request()).toBeUndefined()
  })

  test('promises, and says what is no frame', async () => {
    const push = await start(each((id) => pushPromise(id, 2, [[':path', '/pushed']])))
    expect(await ask(open(push, { settings: { enablePush: false } }))).toMatchObject({ error: expect.any(String) })
    const garbage = await start(async (peer) => {
      await peer.request()
      await peer.send('HTTP/1.1 400 Bad Request\r\n\r\n')
      // On Node 20 nobody is told before.
      peer.end()
    })
    expect(await ask(open(garbage))).toMatchObject({ head: {}, text: '' })
  })

  test.each(['end', 'reset'] as const)('leaves by %s at any moment', async (how) => {
    const server = await start(async (peer) => {
      const stream = (await peer.request())!
      await peer.send(response(stream.id, 200), data(stream.id, 'ha'))
      peer[how]()
    })
    const outcome = await ask(open(server))
    expect(outcome.text).toMatch(/^(?:ha)?$/)
    await until(() => server.openSockets.size === 0)
  })
})
