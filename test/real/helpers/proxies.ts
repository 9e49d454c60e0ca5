import { execFile } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePort, openFolder, startListener, type Peer } from './peer.ts'

export interface Proxy extends Peer {
  /** With its credentials. */
  readonly url: string
  readonly urlWithoutCredentials: string
  /** Lines of what it did, in its own words; empty where it keeps no log. */
  log(): Promise<string>
}

export const proxyUser = 'proxy-user'
export const proxyPassword = 'proxy-pass'

function proxyOf(scheme: string, port: number, rest: Pick<Proxy, 'log' | 'close'>): Proxy {
  return {
    port,
    url: `${scheme}://${proxyUser}:${proxyPassword}@127.0.0.1:${port}`,
    urlWithoutCredentials: `${scheme}://127.0.0.1:${port}`,
    ...rest,
  }
}

/** HTTP proxy: absolute-form and CONNECT, with basic credentials. */
export async function startTinyproxy(): Promise<Proxy> {
  const folder = await openFolder()
  const port = await freePort()
  const config = path.join(folder.path, 'tinyproxy.conf')
  const log = path.join(folder.path, 'tinyproxy.log')
  await writeFile(
    config,
    `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nAllow 127.0.0.1\nLogFile "${log}"\nLogLevel Info\n` +
      `PidFile "${folder.path}/pid"\nBasicAuth ${proxyUser} ${proxyPassword}\n`,
  )
  const program = await startListener('tinyproxy', ['-d', '-c', config], port)
  return proxyOf('http', port, {
    log: () => readFile(log, 'utf8'),
    async close() {
      await program.stop()
      await folder.remove()
    },
  })
}

/** HTTP proxy: absolute-form and CONNECT, with basic credentials. */
export async function startSquid(): Promise<Proxy> {
  const folder = await openFolder()
  const port = await freePort()
  const file = (name: string): string => path.join(folder.path, name)
  // Started as root, squid becomes another user, which has to read and write here.
  await chmod(folder.path, 0o777)
  const { stdout } = await promisify(execFile)('openssl', ['passwd', '-apr1', proxyPassword])
  await writeFile(file('users'), `${proxyUser}:${stdout.trim()}\n`)
  await writeFile(
    file('squid.conf'),
    `http_port 127.0.0.1:${port}
pid_filename ${file('pid')}
access_log stdio:${file('access.log')}
cache_log ${file('cache.log')}
coredump_dir ${folder.path}
cache deny all
shutdown_lifetime 0 seconds
auth_param basic program /usr/lib/squid/basic_ncsa_auth ${file('users')}
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
`,
  )
  const program = await startListener('squid', ['-N', '-f', file('squid.conf')], port)
  return proxyOf('http', port, {
    log: () => readFile(file('access.log'), 'utf8'),
    async close() {
      await program.stop()
      await folder.remove()
    },
  })
}

/** SOCKS5 proxy with user name and password. */
export async function startMicrosocks(): Promise<Proxy> {
  const port = await freePort()
  const args = ['-i', '127.0.0.1', '-p', String(port), '-u', proxyUser, '-P', proxyPassword]
  const program = await startListener('microsocks', args, port)
  return proxyOf('socks5', port, { log: async () => program.output(), close: () => program.stop() })
}
