/** A thousand hosts and 256 descriptors: what is idle makes room, and no request fails for want of it. */
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { projectRoot, run } from '../helpers/run-node.ts'
import { tlsFixture } from '../helpers/tls.ts'
import type { ManyHostsOptions, ManyHostsReport } from './many-hosts-program.ts'

const hosts = 1000
const requests = Math.max(hosts, Number(process.env['LOAD_REQUESTS'] ?? 0) / 5)
/** ms: many times what a machine takes that has other things to do. */
const timeout = 120_000 + requests * 5
const descriptors = 256

const answer: http.RequestListener = (request, response) => {
  const { pathname, searchParams } = new URL(request.url!, 'http://any')
  const [, kind, id] = pathname.split('/')
  if (kind === 'close') response.setHeader('connection', 'close')
  if (kind === 'moved') response.writeHead(302, { location: searchParams.get('to')! })
  request.resume().once('end', () => response.end(id))
}

async function startHosts(isSecure: boolean): Promise<{ base: string; close: () => void }> {
  const identity = { cert: tlsFixture('server.pem'), key: tlsFixture('server.key') }
  const server = isSecure ? https.createServer(identity, answer) : http.createServer(answer)
  // Otherwise they close what is idle, and nobody else has to.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '0.0.0.0', backlog: 1024 }, resolve))
  const { port } = server.address() as AddressInfo
  const close = (): void => server.close().closeAllConnections()
  return { base: `${isSecure ? 'https' : 'http'}://0.0.0.0:${port}`, close }
}

type Run = Omit<ManyHostsOptions, 'base' | 'hosts'> & { readonly isSecure?: boolean }
const runs: readonly Run[] = [
  { executor: 'in-process', workers: 4, requests },
  { executor: 'in-process', workers: 64, requests },
  { executor: 'in-process', workers: 16, requests: hosts, isSecure: true },
  // They would keep more than there are descriptors.
  { executor: 'in-process', workers: 1000, window: 50, requests },
  { executor: 'threads', workers: 1000, threads: 1, window: 50, requests },
  { executor: 'threads', workers: 4, threads: 1, requests },
  { executor: 'threads', workers: 64, threads: 4, requests },
]

// Elsewhere 127.0.0.1 is the only address that a machine has for itself.
describe.skipIf(process.platform !== 'linux')(`${hosts} hosts and ${descriptors} descriptors`, () => {
  test.each(runs)('$executor, $workers workers, TLS $isSecure: all are answered', { timeout }, async (each) => {
    const { isSecure = false, ...rest } = each
    const { base, close } = await startHosts(isSecure)
    const options: ManyHostsOptions = { ...rest, base, hosts }
    const program = ['test/helpers/run-program.mjs', 'test/load/many-hosts-program.ts', JSON.stringify(options)]
    const limited = ['-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh', process.execPath, ...program]
    const { code, stdout, stderr } = await run('sh', limited, projectRoot, timeout - 5000)
    close()
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    const { answered, sum, stats, wrong, strays } = JSON.parse(stdout) as ManyHostsReport
    const count = each.requests
    expect({ wrong, strays }).toEqual({ wrong: [], strays: [] })
    expect({ answered, sum }).toEqual({ answered: count, sum: (count * (count - 1)) / 2 })
    expect(stats).toMatchObject({
      submitted: count,
      done: count,
      fulfilled: count,
      rejected: 0,
      cancelled: 0,
      pending: 0,
    })
  })
})
