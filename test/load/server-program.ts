/**
 * The server of the load and of the soak: a process of its own, so that its memory and its work are not counted. It listens
 * on as many ports as it is told to, answers as `answers.ts` says, and counts connections and requests; beside them it makes
 * the faults of the catalogue. `server-process.ts` is its other side.
 */
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { answer as answerWith, startFaultServer, type Script } from '../helpers/fault-server.ts'
import { encodingFaults } from '../helpers/faults/encoding-faults.ts'
import { responseFaults } from '../helpers/faults/response-faults.ts'
import { answers } from './answers.ts'
import type { KnownFault } from './plan.ts'

/** Of one port. */
export interface PortCounts {
  readonly port: number
  /** Connections that are open, and the most there were at once. */
  open: number
  peakOpen: number
  /** Requests that have come and are not over, and the most there were at once. */
  active: number
  peakActive: number
  requests: number
  connections: number
}

export interface ServerState {
  readonly ports: readonly PortCounts[]
  readonly faults: readonly KnownFault[]
  /** Where each of them has its path. */
  readonly faultUrl: string
  /** Connections that are open there. */
  readonly faultSockets: number
}

const counts: PortCounts[] = []
const faults = new Map([...responseFaults, ...encodingFaults].map((fault) => [fault.name, fault]))
/** Of those requests that are answered otherwise the second time. */
const seen = new Map<string, number>()

/** What ends the request that is under way on a connection. */
const endRequest = new WeakMap<Socket, () => void>()

/**
 * A connection is open until one of both sides has ended it: what follows is up to the system. One that was given up while it
 * was being made is accepted all the same; that it is dead shows in the turn after that, so it counts from then on.
 */
function countConnection(of: PortCounts, socket: Socket): void {
  let state: 'new' | 'open' | 'closed' = 'new'
  const close = (): void => {
    endRequest.get(socket)?.()
    if (state === 'open') of.open--
    state = 'closed'
  }
  for (const event of ['end', 'error', 'close']) socket.on(event, close)
  // Of what we end ourselves the other side hears before we do.
  for (const method of ['end', 'destroy'] as const) {
    const original = socket[method].bind(socket) as (...args: unknown[]) => Socket
    socket[method] = (...args: unknown[]) => {
      close()
      return original(...args)
    }
  }
  of.connections++
  setImmediate(setImmediate, () => {
    if (state === 'closed') return
    state = 'open'
    of.peakOpen = Math.max(of.peakOpen, ++of.open)
  })
}

function countRequest(of: PortCounts, response: http.ServerResponse): void {
  let isActive = true
  const end = (): void => {
    if (isActive) of.active--
    isActive = false
  }
  of.requests++
  of.active++
  setImmediate(() => (of.peakActive = Math.max(of.peakActive, of.active)))
  endRequest.set(response.socket!, end)
  response.once('finish', end)
}

/** The faults of the catalogue, by path. */
const meetFaults: Script = async (peer) => {
  for (;;) {
    const request = await peer.request()
    if (request === undefined || peer.socket.writableEnded) return
    const fault = faults.get(request.split(/[ /]/, 3)[2]!)
    // Where some of them redirect to.
    if (fault === undefined) await peer.write(answerWith('fine'))
    else await fault.script(peer, request)
  }
}

async function listen(index: number): Promise<void> {
  const server = http.createServer({ keepAliveTimeout: 120_000 })
  server.on('request', (request, response) => {
    countRequest(counts[index]!, response)
    response.on('error', () => {})
    void answer(index, request, response)
  })
  server.on('connection', (socket) =>
    countConnection(
      counts[index]!,
      socket.on('error', () => {}),
    ),
  )
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve))
  const { port } = server.address() as AddressInfo
  counts[index] = { port, open: 0, peakOpen: 0, active: 0, peakActive: 0, requests: 0, connections: 0 }
}

async function answer(index: number, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const [, name = '', id = ''] = request.url?.split('/') ?? []
  const chunks: Buffer[] = []
  try {
    if (request.method !== 'GET') for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return // The client has gone.
  }
  // 0 and 1, 2 and 3, ...
  const neighbour = `http://127.0.0.1:${counts[index ^ 1]!.port}`
  const count = name.endsWith('Once') ? (seen.get(id) ?? 0) + 1 : 1
  // The second one is the last.
  if (count === 2) seen.delete(id)
  else if (name.endsWith('Once')) seen.set(id, count)
  answers[name]!(response, { neighbour, count, id, body: Buffer.concat(chunks) })
}

await Promise.all(Array.from({ length: Number(process.argv[2]) }, (_, index) => listen(index)))
const faultServer = await startFaultServer(meetFaults)
const state = (): ServerState => ({
  ports: counts,
  faults: [...faults.values()],
  faultUrl: faultServer.url,
  faultSockets: faultServer.openSockets.size,
})
process.on('message', () => process.send!(state()))
process.on('disconnect', () => process.exit())
process.send!(state())
