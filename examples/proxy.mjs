// Proxies: by scheme, by host, for one request, or none. http:// URLs are asked of the proxy, https:// ones through a tunnel.
import http from 'node:http'
import net from 'node:net'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

/** A proxy for `ann` with the password `secret`. */
async function startProxy(seen) {
  const isKnown = ({ headers }) => headers['proxy-authorization'] === `Basic ${btoa('ann:secret')}`
  const proxy = http.createServer((request, response) => {
    seen.push(`${request.method} ${new URL(request.url).pathname}`)
    if (!isKnown(request)) return response.writeHead(407).end()
    const { 'proxy-authorization': _, ...headers } = request.headers
    request.pipe(http.get(request.url, { headers }, (answer) => answer.pipe(response.writeHead(answer.statusCode))))
  })
  proxy.on('connect', (request, socket) => {
    seen.push('CONNECT')
    if (!isKnown(request)) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const [hostname, port] = request.url.split(':')
    const target = net.connect(port, hostname, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    target.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    socket.pipe(target).pipe(socket)
  })
  proxy.on('connection', (socket) => socket.unref())
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  proxy.unref()
  return `127.0.0.1:${proxy.address().port}`
}

const { url } = await startServer()
const seen = []
const proxy = await startProxy(seen)
const session = new FuturesSession({ baseUrl: url, proxies: { all: `http://ann:secret@${proxy}` } })

console.log('through the proxy:', (await session.get('users/1').json()).name, seen.splice(0))
console.log('around it:', (await session.get('users/2', { proxies: { all: null } }).json()).name, seen.splice(0))
console.log(
  'also not:',
  (await session.get('users/3', { proxies: { no_proxy: '127.0.0.1' } }).json()).name,
  seen.splice(0),
)

const stranger = { proxies: { all: `http://${proxy}` } }
console.log('without a password:', (await session.get('users/4', stranger).result()).status)
const error = await session.get(url.replace('http:', 'https:'), stranger).exception()
console.log('nor a tunnel:', error.name, seen)
