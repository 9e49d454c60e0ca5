/** Windows and uploads: semantics 10 and 11 of HTTP/2. */
import { afterEach, describe, expect, test } from 'vitest'
import { ConnectionError } from '../../../src/index.ts'
import { gate, turn, until } from '../../helpers/gate.ts'
import type { FramePeer, FrameStream } from '../../helpers/h2/frame-server.ts'
import { answer, codes, frameTypes, rstStream, settings } from '../../helpers/h2/frames.ts'
import { answering, Http2Site, outcomeOf } from '../../helpers/h2/site.ts'
import { straysOf } from '../../helpers/strays.ts'

const site = new Http2Site()
afterEach(() => site.close())

describe('Windows', () => {
  test('are 6 MiB for a stream and 24 MiB for a connection', async () => {
    const server = await site.frames(answering())
    await site.session().get(server.url).result()
    const { frames } = server.peers[0]!
    const first = frames.find(({ type }) => type === frameTypes.settings)!.payload
    const said = new Map(
      Array.from({ length: first.length / 6 }, (_, at) => [first.readUInt16BE(at * 6), first.readUInt32BE(at * 6 + 2)]),
    )
    expect(said.get(4)).toBe(6 * 2 ** 20)
    // No push.
    expect(said.get(2)).toBe(0)
    const grown = frames.filter(({ type, streamId }) => type === frameTypes.windowUpdate && streamId === 0)
    expect(65_535 + grown.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)).toBe(24 * 2 ** 20)
  })

  test('of a stream that nobody reads hold its bytes, and block no other', async () => {
    const pause = Buffer.alloc(5 * 2 ** 20, 'x')
    const server = await site.server(
      (request, response) => {
        if (request.url === '/large') for (let part = 0; part < 3; part++) response.write(pause)
        response.end('fine')
      },
      // Of its own it would refuse streams then.
      { maxSessionMemory: 1000 },
    )
    const session = site.session()
    const unread = await Promise.all([1, 2, 3].map(() => session.get(`${server.url}/large`, { stream: true }).result()))
    for (let turns = 0; turns < 20; turns++) expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
    expect(server.protocols).toHaveLength(1)
    for (const each of unread) {
      let length = 0
      for await (const chunk of each.iterContent()) length += chunk.length
      expect(length).toBe(3 * pause.length + 4)
    }
  })

  test('of the server are kept to: nothing more is sent than it lets', async () => {
    const server = await site.frames(
      async (peer) => {
        await peer.send(answer((await peer.request())!.id))
        const stream = (await peer.request())!
        await until(() => stream.body.length === 10)
        for (let turns = 0; turns < 10; turns++) await turn()
        expect(stream.body.length).toBe(10)
        await peer.send(settings({ initialWindowSize: 100_000 }))
        await peer.send(answer(stream.id, String((await peer.bodyOf(stream)).length)))
      },
      { settings: { initialWindowSize: 10 }, grants: false },
    )
    const session = site.session()
    // With its answer come its SETTINGS.
    expect(await outcomeOf(session.get(server.url))).toBe('200 fine')
    expect(await outcomeOf(session.post(server.url, { data: 'x'.repeat(50_000) }))).toBe('200 50000')
  })
})

describe('An upload', () => {
  const echo = async (peer: FramePeer): Promise<void> => {
    for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
      await peer.bodyOf(stream)
      await peer.send(answer(stream.id, String(stream.body.length)))
    }
  }
  const resetOf = async (stream: FrameStream): Promise<number> => {
    await until(() => stream.resetCode !== undefined)
    return stream.resetCode!
  }

  test('arrives whole, whatever it is made of, and tells how far it is', async () => {
    const server = await site.frames(echo)
    const session = site.session()
    const bytes = Buffer.alloc(300_000, 'u')
    async function* chunks(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000)
    }
    const told: number[] = []
    const options = {
      onUploadProgress: ({ transferredBytes }: { transferredBytes: number }) => void told.push(transferredBytes),
    }
    for (const each of [bytes, chunks(), new Blob([bytes]), () => chunks()]) {
      told.length = 0
      expect(await outcomeOf(session.post(server.url, { ...options, data: each }))).toBe('200 300000')
      expect(told[0]).toBe(0)
      expect(told.at(-1)).toBe(300_000)
    }
    expect(server.connections).toBe(1)
  })

  test('waits for the server: a source is read no faster than it is taken', async () => {
    const held = gate()
    let taken = 0
    async function* source(): AsyncGenerator<Buffer> {
      for (let chunk = 0; chunk < 400; chunk++) {
        taken++
        yield Buffer.alloc(16_384, 'u')
      }
    }
    const server = await site.server((request, response) => {
      void held.promise.then(async () => {
        let length = 0
        for await (const chunk of request) length += (chunk as Buffer).length
        response.end(String(length))
      })
    })
    const future = site.session().post(server.url, { data: source() })
    await until(() => server.active === 1)
    for (let turns = 0; turns < 50; turns++) await turn()
    // Window of the server, buffers of both sides.
    expect(taken).toBeLessThan(100)
    held.open()
    expect(await outcomeOf(future)).toBe(`200 ${400 * 16_384}`)
  })

  test('is left where the response comes first', async () => {
    const never = gate<never>()
    let isLeft = false
    async function* source(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.from('first')
        await never.promise
      } finally {
        isLeft = true
      }
    }
    const server = await site.frames(answering((id) => answer(id, 'enough', [], 413)))
    const session = site.session()
    expect(await outcomeOf(session.post(server.url, { data: source() }))).toBe('413 enough')
    expect(await resetOf(server.peers[0]!.streams.get(1)!)).toBe(codes.noError)
    never.fail(new Error('over'))
    await until(() => isLeft)
    expect(await outcomeOf(session.get(server.url))).toBe('413 enough')
    expect(server.connections).toBe(1)
  })

  test('whose source throws resets its stream, and fails as it says', async () => {
    const broken = new Error('no such file')
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.from('first')
      await until(() => server.seen.length === 1)
      throw broken
    }
    const server = await site.frames(echo)
    const session = site.session()
    expect(await session.post(server.url, { data: source() }).exception()).toBe(broken)
    expect(await resetOf(server.peers[0]!.streams.get(1)!)).not.toBe(codes.noError)
    expect(await outcomeOf(session.put(server.url, { data: 'body' }))).toBe('200 4')
    expect(server.connections).toBe(1)
  })

  test.each([3, 30])('whose source gives another length than %i bytes fails', async (length) => {
    const server = await site.frames(echo)
    const session = site.session()
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.from('t')
      await until(() => server.seen.length === 1)
      yield Buffer.from('en bytes.')
    }
    const future = session.post(server.url, { data: source(), headers: { 'Content-Length': String(length) } })
    const error = (await future.exception()) as Error
    expect([error.name, error.message]).toEqual(['InvalidOptionError', expect.stringContaining('Content-Length')])
    expect(await resetOf(server.peers[0]!.streams.get(1)!)).not.toBe(codes.noError)
    expect(await outcomeOf(session.put(server.url, { data: 'body' }))).toBe('200 4')
  })

  test('that is cancelled, or whose stream is reset, throws nothing where nobody can catch it', async () => {
    const server = await site.frames(async (peer) => {
      for (let stream = await peer.request(); stream !== undefined; stream = await peer.request()) {
        if (stream.path === '/reset') await peer.send(rstStream(stream.id, codes.internalError))
        if (stream.path === '/dead') peer.reset()
      }
    })
    const session = site.session()
    const strays = await straysOf(async () => {
      for (const path of ['/reset', '/dead']) {
        const future = session.post(`${server.url}${path}`, { data: Buffer.alloc(5_000_000) })
        expect(await future.exception()).toBeInstanceOf(ConnectionError)
      }
      const cancelled = session.post(`${server.url}/held`, { data: Buffer.alloc(5_000_000) })
      await until(() => server.seen.includes('POST /held'))
      cancelled.cancel()
      await session.close()
    })
    expect(strays).toEqual([])
  })
})
