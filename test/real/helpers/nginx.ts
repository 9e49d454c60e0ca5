import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { freePort, openFolder, startListener, type Peer } from './peer.ts'

const endOfLog = '/end-of-log'

export interface Nginx extends Peer {
  readonly url: string
  /** What `log_format` says of each request, in the order in which they ended. */
  accessLog(): Promise<{ connection: number; request: string; status: number }[]>
}

export interface NginxOptions {
  /** Directives and locations inside of `server`. */
  server: string
  /** Adds `ssl` to the port; the certificate is named in `server`. */
  tls?: boolean
  /** Adds `http2` to it. */
  http2?: boolean
}

export async function startNginx({ server, tls = false, http2 = false }: NginxOptions): Promise<Nginx> {
  const folder = await openFolder()
  const port = await freePort()
  const config = path.join(folder.path, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder.path};`,
  )
  await writeFile(
    config,
    `daemon off; worker_processes 1; pid ${folder.path}/pid; error_log ${folder.path}/error.log;
    events { worker_connections 512; }
    http {
      ${temporary.join(' ')}
      log_format lines '$connection $status $request'; access_log ${folder.path}/access.log lines;
      keepalive_requests 100000; default_type application/json;
      server { listen 127.0.0.1:${port}${tls ? ' ssl' : ''}${http2 ? ' http2' : ''}; ${server} }
    }`,
  )
  const program = await startListener('nginx', ['-p', folder.path, '-c', config], port)
  return {
    port,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    async accessLog() {
      // nginx answers first and logs then; its one worker has logged all others when it answers this one.
      await fetch(`http://127.0.0.1:${port}${endOfLog}`)
      const text = await readFile(path.join(folder.path, 'access.log'), 'utf8')
      return [...text.matchAll(/^(\d+) (\d+) (.*)$/gm)]
        .map(([, connection, status, request]) => ({
          connection: Number(connection),
          request: request ?? '',
          status: Number(status),
        }))
        .filter(({ request }) => !request.includes(endOfLog))
    },
    async close() {
      await program.stop()
      await folder.remove()
    },
  }
}
