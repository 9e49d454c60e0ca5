// Hooks of the session act on every request: here one signs what is sent, one counts what comes, one mends what fails.
import { FuturesSession, Response } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const statuses = new Map()
const session = new FuturesSession({ raiseForStatus: true })

session.hooks.request.push((request) => void request.headers.set('X-Signature', `signed ${request.method}`))
session.hooks.response.push((response) => {
  statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
})
// Returning a response recovers from the error; returning nothing lets it pass.
session.hooks.error.push((error) => (error.response?.status === 404 ? error.response : undefined))

const echo = await session.post(`${url}/echo`, { json: { hello: 'world' } }).json()
console.log('the server saw:', echo.headers['x-signature'])

const missing = await session.get(`${url}/status/404`).result()
console.log('recovered:', missing instanceof Response, missing.status)

const failure = await session.get(`${url}/status/500`).exception()
console.log('not recovered:', failure.name)
console.log('counted:', Object.fromEntries(statuses))
