import type { OutgoingHttpHeaders } from 'node:http2'
import { InvalidHeaderError } from '../../errors.ts'
import type { ExchangeRequest } from '../exchange.ts'
import type { ResponseHeaders } from '../incoming-response.ts'

/** Headers that HTTP/2 forbids, that it has as pseudo fields, or that are set here. */
const dropped: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])
const lowerCaseToken = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const forbiddenInValue = /[^\t\x20-\x7e\x80-\xff]/
/** The most bytes that nghttp2 takes of a name and its value together. */
const longestField = 65_535
/** Methods that get a Content-Length of 0 if there is no body; the others get none. */
const bodyMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * The header of a request in the form of `node:http2`. Names and values are checked here, because a bad name would end the
 * whole session there, and a NUL would begin another field.
 *
 * @param length bytes of the body, if that is known
 * @throws {InvalidHeaderError} a name or value that can't be sent
 */
export function requestFields(request: ExchangeRequest, length: number | undefined): OutgoingHttpHeaders {
  const { method, origin, path, headers, body } = request
  // HTTP/2 requires pseudo fields to come first.
  const fields: Record<string, string | string[]> = {
    ':method': method,
    ':scheme': 'https',
    ':authority': origin.slice('https://'.length),
    ':path': path,
  }
  let host: string | undefined
  let connection: string[] | undefined
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] as string).toLowerCase()
    const value = headers[index + 1] as string
    if (!lowerCaseToken.test(name) || forbiddenInValue.test(value) || name.length + value.length > longestField) {
      throw invalidField(origin, name, value)
    }
    if (name === 'host') host = host === undefined ? value : duplicateHost(origin)
    else if (name === 'connection') (connection ??= []).push(...value.toLowerCase().split(/[\s,]+/))
    else if (!dropped.has(name) && !(name === 'te' && value.toLowerCase() !== 'trailers')) add(fields, name, value)
  }
  if (host !== undefined) fields[':authority'] = host
  for (const name of connection ?? []) Reflect.deleteProperty(fields, name)
  if (length !== undefined) fields['content-length'] = String(length)
  else if (body === undefined && bodyMethods.has(method)) fields['content-length'] = '0'
  return fields
}

/** The header of a response. */
interface Head {
  readonly status: number
  readonly headers: ResponseHeaders
  /** Bytes of all names and values. */
  readonly size: number
}

/** @param raw name, value, name, value ... */
export function parseHead(raw: readonly string[]): Head {
  const headers: ResponseHeaders = {}
  let status = 0
  let size = 0
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string
    const value = raw[index + 1] as string
    if (name === ':status') status = Number(value)
    if (name.startsWith(':')) continue
    size += name.length + value.length
    add(headers, name, value)
  }
  return { status, headers, size }
}

function add(fields: Record<string, string | string[]>, name: string, value: string): void {
  const known = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (Array.isArray(known)) known.push(value)
  else if (known !== undefined) fields[name] = [known, value]
  else if (name !== '__proto__') fields[name] = value
  else Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true })
}

function duplicateHost(origin: string): never {
  throw new InvalidHeaderError(`Could not send the request to ${origin}: the header \`host\` is there twice`)
}

/** The message leaves the value out: it may be a secret. */
function invalidField(origin: string, name: string, value: string): InvalidHeaderError {
  const field = lowerCaseToken.test(name) ? `the header \`${name}\`` : 'a header name that is no token'
  const reason =
    name.length + value.length > longestField ? `longer than ${longestField} bytes` : 'not allowed in HTTP/2'
  return new InvalidHeaderError(`Could not send the request to ${origin}: ${field} is ${reason}`)
}
