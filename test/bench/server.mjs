// The server that the benchmark asks: nginx where there is one, else Node; a process of its own either way, so that its
// work is not counted. `/64k.json` answers 64 KiB of JSON, `/64.json` 64 bytes, `/stream` a body that is worth streaming, every
// other path the same small JSON. It listens three times: without TLS, with TLS and HTTP/2, with TLS and HTTP/1.1 only.
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { jsonOfSize, smallJson, streamSize, tinyJson } from './bodies.mjs'

const tlsFile = (name) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))
const urlsOf = ([port, secure, oldSecure]) => ({
  url: `http://127.0.0.1:${port}/`,
  secureUrl: `https://127.0.0.1:${secure}/`,
  oldSecureUrl: `https://127.0.0.1:${oldSecure}/`,
  ca: readFileSync(tlsFile('ca.pem'), 'utf8'),
})

/** @returns `{ url, secureUrl, oldSecureUrl, ca, name, close() }` */
export async function startServer({ preferNginx = true } = {}) {
  const version = preferNginx ? nginxVersion() : undefined
  return version === undefined ? startNode() : startNginx(version)
}

function nginxVersion() {
  try {
    execFileSync('nginx', ['-t', '-c', '/dev/null'], { stdio: 'ignore' })
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
  }
  return 'nginx'
}

async function startNginx(name) {
  const folder = mkdtempSync(path.join(tmpdir(), 'undici-futures-bench-'))
  const ports = [await freePort(), await freePort(), await freePort()]
  const [port, secure, oldSecure] = ports
  const config = path.join(folder, 'nginx.conf')
  writeFileSync(path.join(folder, '64k.json'), jsonOfSize(2 ** 16))
  writeFileSync(path.join(folder, 'stream'), Buffer.alloc(streamSize, '1'))
  writeFileSync(
    config,
    // The folder is ours alone, and workers that root starts would be nobody.
    `${process.getuid() === 0 ? 'user root; ' : ''}daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
    events { worker_connections 1024; }
    http {
      access_log off; keepalive_requests 1000000000; keepalive_timeout 60s; default_type application/json;
      client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      sendfile on;
      server {
        listen 127.0.0.1:${port};
        listen 127.0.0.1:${secure} ssl http2;
        listen 127.0.0.1:${oldSecure} ssl;
        ssl_certificate ${tlsFile('server.pem')};
        ssl_certificate_key ${tlsFile('server.key')};
        root ${folder};
        location = /64k.json {}
        location = /stream {}
        location = /64.json { return 200 '${tinyJson}'; }
        location / { return 200 '${smallJson}'; }
      }
    }`,
  )
  const child = spawn('nginx', ['-p', folder, '-c', config], { stdio: 'ignore' })
  await untilListening(port)
  return {
    ...urlsOf(ports),
    name,
    async close() {
      child.kill('SIGQUIT')
      await once(child, 'exit')
      rmSync(folder, { recursive: true })
    },
  }
}

async function startNode() {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const [ports] = await once(child, 'message')
  return { ...urlsOf(ports), name: `Node ${process.version}`, close: () => void child.kill() }
}

async function serve() {
  const bodies = { '/64k.json': jsonOfSize(2 ** 16), '/64.json': tinyJson, '/stream': Buffer.alloc(streamSize, '1') }
  const answer = ({ url }, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(bodies[url] ?? smallJson)
  }
  const options = { keepAliveTimeout: 60_000 }
  const identity = { cert: readFileSync(tlsFile('server.pem')), key: readFileSync(tlsFile('server.key')) }
  const servers = [
    http.createServer(options, answer),
    http2.createSecureServer({ ...options, ...identity, allowHTTP1: true }, answer),
    https.createServer({ ...options, ...identity }, answer),
  ]
  await Promise.all(servers.map((server) => once(server.listen(0, '127.0.0.1'), 'listening')))
  process.send(servers.map((server) => server.address().port))
  process.on('disconnect', () => process.exit())
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}

async function untilListening(port) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = net.connect(port, '127.0.0.1')
    const isOpen = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (isOpen) return
    await sleep(50)
  }
  throw new Error('nginx does not listen')
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === 'serve') await serve()
