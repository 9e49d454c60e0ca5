import fs from 'node:fs'
import { devNull } from 'node:os'
import { messageOf, textOf } from '../../checks.ts'

/** The codes of a system that has no file descriptors, threads or memory left for now. */
const codes = /\b(?:EMFILE|ENFILE|EAGAIN|ENOMEM)\b/
/** More file descriptors than a thread needs to start. */
const enoughTries = 16

/** @returns the system's code for what is lacking, if that caused the error; `undefined` if not */
export function scarcityIn(error: unknown): string | undefined {
  const code = errnoOf(error)
  const said = `${code} ${messageOf(error)}`
  const lacking = codes.exec(said)?.[0]
  if (lacking !== undefined) return lacking
  // Node's own reading of package.json fails with a message instead of a code.
  if (/too many open files/i.test(said)) return 'EMFILE'
  return code === 'ERR_WORKER_INIT_FAILED' ? code : undefined
}

/** @returns the code for what is lacking now: errors for lack of descriptors do not always say so */
export function presentScarcity(): string | undefined {
  const opened: number[] = []
  try {
    while (opened.length < enoughTries) opened.push(fs.openSync(devNull, 'r'))
    return undefined
  } catch (error) {
    return scarcityIn(error)
  } finally {
    for (const each of opened) fs.closeSync(each)
  }
}

function errnoOf(error: unknown): string {
  try {
    return textOf((error as { code?: unknown } | null | undefined)?.code)
  } catch {
    // A getter or a Proxy may throw.
    return ''
  }
}
