import type { Socket } from 'node:net'
import type { RequestOptions } from '../../../src/session/options/options.ts'
import { openBlackHole } from '../black-hole.ts'
import { always, answer, startFaultServer, type FaultServer, type Script } from '../fault-server.ts'
import type { Fault } from './fault.ts'

/** How to meet a fault. */
export interface Meeting {
  readonly fault: Fault
  readonly method: string
  readonly url: string
  /** With the proxy, and what the fault asks for. */
  readonly options: RequestOptions
  /** How often it was met: requests of a path, connections otherwise. */
  readonly times: number
}

/** Everything that goes wrong, on this machine. */
export interface FaultSite {
  readonly meetings: readonly Meeting[]
  /** A URL on the server of all paths, that is answered well. */
  readonly fineUrl: string
  /** Of all servers. */
  readonly openSockets: readonly Socket[]
  close(): Promise<void>
}

/** A port of this machine where nobody listens, and nobody ever will. */
const closedPort = 1
const wellServed = always(answer('fine'))
/** For proxies that ask for one. */
const credentials = 'user:open-sesame'

/** Starts what the faults need: few servers for paths, one for each of the others. */
export async function startFaultSite(faults: readonly Fault[]): Promise<FaultSite> {
  const times = new Map<string, number>()
  const paths = new Map(faults.filter(({ place }) => place === 'path').map((fault) => [fault.name, fault]))
  const plain = await startFaultServer(pathScript(paths, times))
  const secure = await startFaultServer(wellServed, {})
  const own = new Map<string, FaultServer>()
  for (const fault of faults) {
    if (fault.place === 'server' || fault.place.startsWith('http') || fault.place === 'socks-proxy') {
      own.set(fault.name, await startFaultServer((peer) => fault.script(peer, ''), fault.secure))
    }
  }
  const hole = faults.some(({ place }) => place === 'black-hole') ? await openBlackHole() : undefined
  const servers = [plain, secure, ...own.values()]

  const urlOf = (fault: Fault): string => {
    const server = own.get(fault.name)
    if (fault.place === 'path') return `${plain.url}/${fault.name}`
    if (fault.place === 'refused') return `http://127.0.0.1:${closedPort}/${fault.name}`
    if (fault.place === 'black-hole') return `${hole!.url}/${fault.name}`
    if (fault.place === 'server')
      return `${fault.isHttps ? `https://localhost:${server!.port}` : server!.url}/${fault.name}`
    if (fault.target === undefined) return `${secure.url}/${fault.name}`
    if (fault.target === 'http') return `${plain.url}/fine?${fault.name}`
    return urlOf(faults.find(({ name }) => name === fault.target)!)
  }
  const proxyOf = ({ name, place }: Fault): string | undefined => {
    if (!place.includes('proxy')) return undefined
    if (place === 'socks-proxy') return `socks5h://${credentials}@127.0.0.1:${own.get(name)!.port}`
    if (place === 'refused-socks-proxy') return `socks5h://${credentials}@127.0.0.1:${closedPort}`
    if (place === 'refused-http-proxy') return `http://${credentials}@127.0.0.1:${closedPort}`
    const scheme = place === 'https-proxy' ? 'https' : 'http'
    return `${scheme}://${credentials}@localhost:${own.get(name)!.port}`
  }
  const meet = (fault: Fault): Meeting => {
    const proxy = proxyOf(fault)
    return {
      fault,
      method: fault.method ?? 'GET',
      url: urlOf(fault),
      options: { ...fault.options, ...(proxy !== undefined && { proxies: { all: proxy } }) },
      get times() {
        return own.get(fault.name)?.connections ?? times.get(fault.name) ?? 0
      },
    }
  }
  return {
    meetings: faults.map(meet),
    fineUrl: `${plain.url}/fine`,
    get openSockets() {
      return servers.flatMap(({ openSockets }) => [...openSockets])
    },
    async close() {
      await Promise.all([...servers, ...(hole ? [hole] : [])].map((each) => each.close()))
    },
  }
}

/** Paths without a fault are answered well. */
function pathScript(faults: ReadonlyMap<string, Fault>, times: Map<string, number>): Script {
  return async (peer) => {
    for (;;) {
      const request = await peer.request()
      if (request === undefined || peer.socket.writableEnded) return
      const name = /^\S+ (?:http:\/\/[^/]+)?\/([\w.-]*)/.exec(request)?.[1] ?? ''
      const fault = faults.get(name)
      times.set(name, (times.get(name) ?? 0) + 1)
      if (fault === undefined) await peer.write(answer('fine'))
      else await fault.script(peer, request)
    }
  }
}
