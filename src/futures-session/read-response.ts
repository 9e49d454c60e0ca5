import { JSONDecodeError } from '../errors.ts'
import { partsOf, Response } from '../session/response/response.ts'
import { describeRequest } from '../session/call/call-subject.ts'
import type { ResponseFuture } from './response-future.ts'

/** A response of somebody else's, of `fetch` for example. */
interface ForeignResponse {
  json?(): unknown
  text?(): string | PromiseLike<string>
  bytes?(): Uint8Array | PromiseLike<Uint8Array>
  arrayBuffer?(): ArrayBuffer | PromiseLike<ArrayBuffer>
}

/** Nothing is waited for where the body is here already. */
export function readJson<R>(response: R, future: ResponseFuture<R>): unknown {
  return isHere(response) ? response.json() : readLater(response, () => jsonOf(response as ForeignResponse, future))
}

export function readText(response: unknown): string | Promise<string> {
  return isHere(response) ? response.text() : readLater(response, () => textOf(response as ForeignResponse))
}

export function readBytes(response: unknown): Uint8Array | Promise<Uint8Array> {
  return isHere(response) ? response.bytes() : readLater(response, () => bytesOf(response as ForeignResponse))
}

function isHere(response: unknown): response is Response {
  return response instanceof Response && partsOf(response).isHere
}

/** A streamed response of ours is read to its end first. */
async function readLater<T>(response: unknown, read: () => T | PromiseLike<T>): Promise<T> {
  if (response instanceof Response) await response.read()
  return read()
}

async function jsonOf<R>(response: ForeignResponse, future: ResponseFuture<R>): Promise<unknown> {
  if (response.json !== undefined) return response.json()
  const text = await textOf(response)
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    const request = describeRequest(future)
    throw new JSONDecodeError(`Could not read the body as JSON: ${(cause as Error).message}`, { cause, request })
  }
}

async function textOf(response: ForeignResponse): Promise<string> {
  if (response.text !== undefined) return response.text()
  throw new TypeError('Could not read the body: the response has no `text()`')
}

async function bytesOf(response: ForeignResponse): Promise<Uint8Array> {
  if (response.bytes !== undefined) return response.bytes()
  if (response.arrayBuffer !== undefined) return new Uint8Array(await response.arrayBuffer())
  throw new TypeError('Could not read the body: the response has neither `bytes()` nor `arrayBuffer()`')
}
