import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CookieJar } from 'tough-cookie'
import { basic, bearer } from '../../src/session/auth/basic.ts'
import { digest } from '../../src/session/auth/digest.ts'
import type { RequestOptions, SessionOptions } from '../../src/session/options/options.ts'
import type { PreparedRequest } from '../../src/session/prepared-request.ts'
import type { Response } from '../../src/session/response/response.ts'
import type { Call, Record_, RecordingServer, Spec } from './corpus.ts'

/** What the specs are run through: a Session, or whatever does as one. */
export interface Client {
  readonly cookies: CookieJar | false
  request(method: string, url: string, options?: RequestOptions): Promise<Response>
  close(): Promise<unknown>
}

export interface Stage {
  server: RecordingServer
  open(options: SessionOptions): Client
}

const variables = [
  'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY',
  'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NETRC',
] // prettier-ignore

class Boom extends Error {}

/** Makes the calls of a spec, and says what came of each in the terms of its golden record. */
export async function runSpec(stage: Stage, spec: Spec): Promise<Record_[]> {
  const { server } = stage
  const restore = await setEnvironment(spec, server)
  const trace: unknown[] = []
  server.load(spec.routes, spec.show)
  const client = stage.open(revive(spec.session ?? {}, server, trace) as SessionOptions)
  try {
    for (const { name, value, path, url } of spec.jar ?? []) {
      if (client.cookies) client.cookies.setCookieSync(`${name}=${value}; Path=${path}`, server.fill(url))
    }
    const records: Record_[] = []
    for (const call of spec.calls) records.push(await record(stage, client, spec, call, trace))
    return records
  } finally {
    await client.close()
    restore()
  }
}

async function setEnvironment(spec: Spec, server: RecordingServer): Promise<() => void> {
  const netrc = join(server.folder, 'netrc')
  await writeFile(netrc, spec.netrc ?? '')
  const before = variables.map((name) => [name, process.env[name]] as const)
  for (const name of variables) Reflect.deleteProperty(process.env, name)
  process.env.NETRC = netrc
  for (const [name, value] of Object.entries(spec.env ?? {})) process.env[name] = server.fill(value)
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = value
    }
  }
}

async function record(stage: Stage, client: Client, spec: Spec, call: Call, trace: unknown[]): Promise<Record_> {
  const outcome: Record_ = { wire: [] }
  trace.length = 0
  try {
    const options = call.options && (revive(call.options, stage.server, trace) as RequestOptions)
    const response = await client.request(call.method, stage.server.fill(call.url), options)
    outcome.seen = await look(stage, spec, call, response)
  } catch (error) {
    outcome.error = (error as Error).constructor.name
  }
  outcome.wire = stage.server.take()
  if (spec.look?.includes('jar') === true) outcome.jar = jarOf(client)
  if (spec.look?.includes('trace') === true) outcome.trace = [...trace]
  return outcome
}

/** Fills in the places, and makes the values that JSON does not have. */
function revive(value: unknown, server: RecordingServer, trace: unknown[]): unknown {
  if (typeof value === 'string') return server.fill(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((each) => revive(each, server, trace))
  const [key = '', content] = Object.entries(value)[0] ?? []
  const make = makers[key]
  if (make !== undefined) return make(revive(content, server, trace) as never, trace)
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [server.fill(name), revive(each, server, trace)]),
  )
}

const makers: Record<string, (content: never, trace: unknown[]) => unknown> = {
  $bytes: (base64: string) => Buffer.from(base64, 'base64'),
  $repeat: ([base64, times]: [string, number]) =>
    Buffer.concat(Array.from({ length: times }, () => Buffer.from(base64, 'base64'))),
  $iter: (chunks: string[]) =>
    (async function* () {
      await Promise.resolve()
      yield* chunks
    })(),
  $basic: ([user, password]: [string, string]) => basic(user, password),
  $digest: ([user, password]: [string, string]) => digest(user, password),
  $bearer: (token: string) => bearer(token),
  $edit: (headers: Record<string, string>) => (request: PreparedRequest) => {
    for (const [name, value] of Object.entries(headers)) request.headers.set(name, value)
  },
  $tag: (tag: string, trace: unknown[]) => (response: Response) => {
    trace.push([tag, response.status])
  },
  $throw: () => () => {
    throw new Boom()
  },
}

async function look(stage: Stage, spec: Spec, call: Call, response: Response): Promise<Record<string, unknown>> {
  const show = (url: string): string => stage.server.hide(url)
  const seen: Record<string, unknown> = {
    status: response.status,
    url: show(response.url),
    history: response.history.map((each) => [each.status, show(each.url)]),
    request: [response.request.method, show(response.request.url)],
  }
  for (const step of call.then ?? []) await take(step, response, seen)
  if (!('chunks' in seen) && !('lines' in seen)) seen.content = contentOf(response.content)
  for (const name of spec.look ?? []) lookAt(name, response, seen, show)
  return seen
}

async function take(
  step: NonNullable<Call['then']>[number],
  response: Response,
  seen: Record<string, unknown>,
): Promise<void> {
  if (step === 'raise') {
    seen.raise = null
    try {
      response.raiseForStatus()
    } catch (error) {
      seen.raise = (error as Error).constructor.name
    }
  } else if (step === 'json') {
    try {
      seen.json = { value: response.json() }
    } catch (error) {
      seen.json = { error: (error as Error).constructor.name }
    }
  } else if (step === 'read') await response.read()
  else if (step === 'iterLines') seen.lines = await collect(response.iterLines())
  else if (typeof step === 'object' && step.encoding !== undefined) response.encoding = step.encoding
  else if (typeof step === 'object') {
    const chunks = await collect(response.iterContent(step.iterContent))
    seen.chunks = chunks.map((chunk) => Buffer.from(chunk).toString())
  }
}

function lookAt(name: string, response: Response, seen: Record<string, unknown>, show: (url: string) => string): void {
  const header = /^headers:(.*)$/.exec(name)?.[1]
  if (header !== undefined)
    seen.headers = { ...(seen.headers as object), [header]: response.headers.get(header) ?? null }
  else if (name === 'isRedirect') seen.isRedirect = [response.isRedirect, response.isPermanentRedirect]
  else if (name === 'next') seen.next = response.next ? [response.next.method, show(response.next.url)] : null
  else if (name === 'reason') seen.reason = response.statusText
  else if (name === 'text') seen.text = response.text()
  else if (name === 'encoding') seen.encoding = response.encoding ?? null
  else if (name === 'links') seen.links = response.links
  else if (name === 'ok') seen.ok = response.ok
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

function contentOf(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString()
  return Buffer.from(text).equals(bytes) ? { text } : { base64: Buffer.from(bytes).toString('base64') }
}

function jarOf({ cookies }: Client): unknown[] {
  const held = cookies ? (cookies.serializeSync()?.cookies ?? []) : []
  return held.map(({ key, value, domain, path }) => ({ name: key, value, domain, path }))
}
