import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { FutureController } from '../../src/future/future-controller.ts'
import type { TaskContext } from '../../src/executor/executor.ts'
import { Board } from '../../src/testing/contract/board.ts'
import { BoardServer } from '../../src/testing/contract/board-line.ts'
import { step } from '../../src/testing/contract/testing-tasks.ts'
import { until } from '../helpers/gate.ts'

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

const unheard: TaskContext = { signal: new AbortController().signal, onCancel: () => {} }

async function openBoard(capacity = 4): Promise<{ board: Board; server: BoardServer }> {
  const board = Board.make(capacity)
  const server = await BoardServer.open(board)
  cleanups.push(() => server.close())
  return { board, server }
}

/** One that hears, and says what it is told to. */
async function openServer(serve: (socket: Socket) => void): Promise<string> {
  const path = `${tmpdir()}/undici-futures-${process.pid}-${Math.random()}.sock`
  const server: Server = createServer(serve).listen(path)
  cleanups.push(() => server.close())
  await once(server, 'listening')
  return path
}

describe('A task that reports by a socket', () => {
  test('has begun, and has ended, when it stands on the board', async () => {
    const { board, server } = await openBoard()
    const running = step(server.path, 2, 'cooperative', unheard)
    await until(() => board.startsOf(2) === 1)
    expect([board.order(2), board.peak, board.hasEnded(2)]).toEqual([1, 1, false])
    board.openGate(2)
    expect(await running).toBe(2)
    expect(board.hasEnded(2)).toBe(true)
  })

  test('passes gates that were opened before it came', async () => {
    const { board, server } = await openBoard()
    board.openGate(0)
    expect(await step(server.path, 0, 'stubborn', unheard)).toBe(0)
    board.openAllGates()
    const other = await BoardServer.open(board)
    cleanups.push(() => other.close())
    expect(await step(other.path, 3, 'stubborn', unheard)).toBe(3)
  })

  test('tells how it heard of its cancellation', async () => {
    const { board, server } = await openBoard()
    const controller = new FutureController<number>()
    const { future } = controller
    const context: TaskContext = {
      get signal() {
        return future.signal
      },
      onCancel: (fn) => controller.onCancel(fn),
    }
    const running = step(server.path, 1, 'failing', context)
    await until(() => board.startsOf(1) === 1)
    future.cancel('enough')
    await expect(running).rejects.toThrow('too late to be of interest')
    await until(() => board.toldOf(1) === 15)
  })

  test('goes home when the board is closed, whatever it is waiting for', async () => {
    const { board, server } = await openBoard()
    const tasks = [0, 1, 2].map((task) => step(server.path, task, 'stubborn', unheard))
    await until(() => board.starts === 3)
    server.close()
    expect(await Promise.all(tasks)).toEqual([0, 1, 2])
  })

  test('goes home where there is no board, or nobody who reads', async () => {
    expect(await step(`${tmpdir()}/no-such-board.sock`, 0, 'stubborn', unheard)).toBe(0)
    const path = await openServer((socket) => socket.destroy())
    expect(await step(path, 1, 'stubborn', unheard)).toBe(1)
  })

  test('understands what comes in pieces', async () => {
    const path = await openServer((socket) => {
      socket.write('["op')
      socket.on('data', () => {
        socket.write('en",0]\n["re')
        setImmediate(() => socket.write('ad"]\n["op'))
      })
    })
    expect(await step(path, 0, 'stubborn', unheard)).toBe(0)
  })
})
