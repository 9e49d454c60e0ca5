import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** One call of a spec: a request, and what is done with its response. */
export interface Call {
  method: string
  url: string
  options?: Record<string, unknown>
  then?: (string | { iterContent?: number; encoding?: string })[]
}

/** What one call came to: what the caller has seen, or the class of the error, and what went over the wire. */
export interface Record_ {
  seen?: Record<string, unknown>
  error?: string
  wire: unknown[]
  jar?: unknown[]
  trace?: unknown[]
}

export interface Spec {
  id: string
  topic: string
  title: string
  session?: Record<string, unknown>
  jar?: { name: string; value: string; path: string; url: string }[]
  env?: Record<string, string>
  netrc?: string
  routes?: Record<string, unknown>
  show?: string[]
  look?: string[]
  requires?: string
  calls: Call[]
  golden: Record_[]
  departure?: { either?: boolean; expect: Record_[] }
}

export interface RecordingServer {
  folder: string
  fill(text: string): string
  hide(text: string): string
  load(routes?: Record<string, unknown>, show?: string[]): void
  take(): unknown[]
  close(): Promise<void>
}

const folder = new URL('../../../shared/conformance/', import.meta.url)

/** It lies beside the project, not in it: a clone elsewhere has none. */
export const hasCorpus = existsSync(new URL('requests-public.json', folder))

export async function readSpecs(): Promise<Spec[]> {
  const text = await readFile(new URL('requests-public.json', folder), 'utf8')
  return (JSON.parse(text) as { specs: Spec[] }).specs
}

interface ServerModule {
  startServer(): Promise<RecordingServer>
  canonicalUrl(text: string): string
}

export async function loadServer(): Promise<ServerModule> {
  return (await import(new URL('server.mjs', folder).href)) as ServerModule
}
