import { connect, createServer, type Server, type Socket } from 'node:net'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Board } from './board.ts'

/** A report of a task. It is answered, in order, when it is on the board. */
type Report = readonly ['begin' | 'end', task: number] | readonly ['tell', task: number, bit: number]
/** A message of the board: a report was read, or a gate is open; `null`: all gates are. */
type News = readonly ['read'] | readonly ['open', task: number | null]

/** Shows a board to tasks in other processes, by a local socket. */
export class BoardServer {
  readonly path: string
  readonly #board: Board
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(board: Board, path: string) {
    this.path = path
    this.#board = board
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async open(board: Board): Promise<BoardServer> {
    const name = `undici-futures-${randomUUID()}`
    const path = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
    const made = new BoardServer(board, path)
    made.#server.listen(path)
    await once(made.#server, 'listening')
    board.onGate = (task) => made.#announce(task)
    return made
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #announce(task: number | null): void {
    for (const socket of this.#sockets) say(socket, ['open', task])
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    for (const task of this.#board.openGates()) say(socket, ['open', task])
    receive<Report>(socket, (report) => {
      if (report[0] === 'tell') this.#board.tell(report[1], report[2])
      else this.#board[report[0]](report[1])
      say(socket, ['read'])
    })
  }
}

const lines = new Map<string, BoardLine>()

/** A board in another process, as its tasks see it. */
export class BoardLine {
  readonly #socket: Socket
  readonly #openGates = new Set<number | null>()
  readonly #told = new Map<number, number>()
  #waiting: (() => void)[] = []

  /** The connection that all tasks of this process share. */
  static open(path: string): BoardLine {
    const line = lines.get(path) ?? new BoardLine(path)
    lines.set(path, line)
    return line
  }

  private constructor(path: string) {
    this.#socket = connect(path).unref()
    this.#socket.on('close', () => {
      lines.delete(path)
      // The check is over: opens all gates.
      this.#openGates.add(null)
      for (const resolve of this.#waiting) resolve()
    })
    receive<News>(this.#socket, (news) => {
      if (news[0] === 'read') this.#waiting.shift()?.()
      else this.#openGates.add(news[1])
    })
  }

  /** @returns a promise that resolves when the report is on the board, so that what follows comes later */
  begin(task: number): Promise<void> {
    return this.#report(['begin', task])
  }

  end(task: number): Promise<void> {
    return this.#report(['end', task])
  }

  tell(task: number, bit: number): void {
    this.#told.set(task, this.toldOf(task) | bit)
    void this.#report(['tell', task, bit])
  }

  toldOf(task: number): number {
    return this.#told.get(task) ?? 0
  }

  isGateOpen(task: number): boolean {
    return this.#openGates.has(task) || this.#openGates.has(null)
  }

  #report(report: Report): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve()
    say(this.#socket, report)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

function say(socket: Socket, message: Report | News): void {
  socket.write(`${JSON.stringify(message)}\n`)
}

function receive<Message>(socket: Socket, fn: (message: Message) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('error', () => undefined)
  socket.on('data', (text: string) => {
    const pieces = (rest + text).split('\n')
    rest = pieces.pop() as string
    for (const each of pieces) fn(JSON.parse(each) as Message)
  })
}
