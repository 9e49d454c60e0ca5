import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually, Fleet } from '../../helpers/fleet.ts'
import { hasRedis } from '../../helpers/redis.ts'

/** Between a worker and its Redis. From when it is told to, nobody who subscribes gets an answer. */
class Line {
  readonly path: string
  readonly #server: Server
  readonly #subscribed: Socket[] = []
  isSilent = false
  answered = 0
  unanswered = 0

  constructor(fleet: Fleet) {
    this.path = join(fleet.redis.path, '../line.sock')
    this.#server = createServer((socket) => this.#pass(socket, connect(fleet.redis.path)))
  }

  async open(): Promise<this> {
    await once(this.#server.listen(this.path), 'listening')
    return this
  }

  breakSubscriptions(): void {
    for (const socket of this.#subscribed.splice(0)) socket.destroy()
  }

  close(): void {
    this.#server.close()
  }

  #pass(socket: Socket, redis: Socket): void {
    for (const each of [socket, redis]) each.on('error', () => undefined)
    redis.pipe(socket)
    redis.once('close', () => socket.destroy())
    socket.once('close', () => redis.destroy())
    socket.on('data', (chunk) => {
      const subscribes = /subscribe/i.test(chunk.toString('latin1'))
      if (subscribes && this.isSilent) {
        this.unanswered++
        return
      }
      if (subscribes) {
        this.#subscribed.push(socket)
        this.answered++
      }
      redis.write(chunk)
    })
  }
}

describe.skipIf(!hasRedis)('A worker that subscribes again', () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  afterEach(() => {
    process.off('unhandledRejection', note)
  })

  test('and is closed before it hears of it, leaves no rejection behind', async () => {
    process.on('unhandledRejection', note)
    await using fleet = await Fleet.open()
    const line = await new Line(fleet).open()
    const worker = await fleet.local({ connection: { path: line.path } })
    line.isSilent = true
    line.breakSubscriptions()
    await eventually(() => line.unanswered > 0)
    await worker.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    line.close()
    expect(unhandled).toEqual([])
  })

  test('is seen again', async () => {
    await using fleet = await Fleet.open()
    const line = await new Line(fleet).open()
    const worker = await fleet.local({ connection: { path: line.path } })
    const client = fleet.client()
    const channels = async (): Promise<number> =>
      ((await client.pubsub('CHANNELS', `*${worker.id}*`)) as string[]).length
    expect(await channels()).toBe(1)
    const { answered } = line
    line.breakSubscriptions()
    await eventually(() => line.answered > answered)
    await eventually(async () => (await channels()) === 1)
    await worker.close()
    line.close()
  })
})
