import fs from 'node:fs'
import { devNull } from 'node:os'
import { messageOf, textOf } from '../../checks.ts'

/** What the system says when it has no file descriptors, threads or memory to give: for now. */
const codes = /\b(?:EMFILE|ENFILE|EAGAIN|ENOMEM)\b/
/** More descriptors than a thread needs to start. */
const enough = 16

/** @returns what was lacking, as the system calls it, if that is what was thrown for; `undefined` if not */
export function scarcityIn(error: unknown): string | undefined {
  const code = codeOf(error)
  const said = `${code} ${messageOf(error)}`
  const lacking = codes.exec(said)?.[0]
  if (lacking !== undefined) return lacking
  // Node reads package.json by itself, and puts it in words.
  if (/too many open files/i.test(said)) return 'EMFILE'
  return code === 'ERR_WORKER_INIT_FAILED' ? code : undefined
}

/** @returns what is lacking now: what fails without descriptors does not always know why */
export function presentScarcity(): string | undefined {
  const opened: number[] = []
  try {
    while (opened.length < enough) opened.push(fs.openSync(devNull, 'r'))
    return undefined
  } catch (error) {
    return scarcityIn(error)
  } finally {
    for (const each of opened) fs.closeSync(each)
  }
}

function codeOf(error: unknown): string {
  try {
    return textOf((error as { code?: unknown } | null | undefined)?.code)
  } catch {
    // A getter, or the trap of a Proxy.
    return ''
  }
}
