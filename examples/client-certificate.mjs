// TLS: a server that asks for a client certificate, and an authority of one's own. Paths, as here, or PEM.
import { readFile } from 'node:fs/promises'
import https from 'node:https'
import { fileURLToPath } from 'node:url'
import { FuturesSession } from 'undici-futures'

const fixture = (name) => fileURLToPath(new URL(`../test/fixtures/tls/${name}`, import.meta.url))
const [cert, key, ca] = await Promise.all(['server.pem', 'server.key', 'ca.pem'].map((name) => readFile(fixture(name))))

const server = https.createServer(
  { cert, key, ca, requestCert: true, rejectUnauthorized: false },
  ({ socket }, response) => {
    response.statusCode = socket.authorized ? 200 : 403
    response.end(`hello ${socket.getPeerCertificate().subject?.CN ?? 'stranger'}`)
  },
)
server.on('connection', (socket) => socket.unref())
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
server.unref()

const session = new FuturesSession({
  baseUrl: `https://localhost:${server.address().port}/`,
  verify: fixture('ca.pem'),
})
const answerTo = async (options) => {
  const response = await session.get('', options).result()
  return `${response.status} ${response.text()}`
}
const identity = { cert: [fixture('client.pem'), fixture('client.key')] }

console.log('without a certificate:', await answerTo())
console.log('with one:', await answerTo(identity))
console.log(
  'with a passphrase:',
  await answerTo({
    cert: { cert: fixture('client.pem'), key: fixture('client-encrypted.key'), passphrase: 'open-sesame' },
  }),
)
console.log('again without, on a connection of its own:', await answerTo())

const error = await session.get('', { verify: true }).exception()
console.log("without the server's authority:", error.name)
