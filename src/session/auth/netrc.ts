import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { realTime } from '../../deadline.ts'
import { FileCache } from '../network/file-cache.ts'
import { defaultMachine, parseNetrc } from './netrc-file.ts'
import type { NetrcEntry } from './netrc-file.ts'

/**
 * User and password for a host from the file that `NETRC` names, else from `~/.netrc` or `~/_netrc`, whichever is there.
 * The file is read again when it has changed. One that can't be read or understood says nothing, as in requests; it does
 * not fail requests.
 *
 * @param hostname as `URL.hostname` has it
 * @param mayBeDefault whether an entry for every host counts, too
 */
export function netrcAuth(
  hostname: string,
  environment: NodeJS.ProcessEnv = process.env,
  { mayBeDefault = true } = {},
): [string, string] | undefined {
  const machines = readNetrc(environment)
  const named = machines?.get(hostname.toLowerCase().replace(/^\[|\]$/g, ''))
  const entry = named ?? (mayBeDefault ? machines?.get(defaultMachine) : undefined)
  if (entry === undefined) return undefined
  const user = entry.login === '' ? entry.account : entry.login
  return user === '' && entry.password === '' ? undefined : [user, entry.password]
}

const files = new FileCache((path) => parseNetrc(readFileSync(path, 'utf8')))

function readNetrc({ NETRC, HOME }: NodeJS.ProcessEnv): ReadonlyMap<string, NetrcEntry> | undefined {
  if (NETRC === '') return undefined
  const paths = pathsFor(NETRC, HOME)
  if (NETRC === undefined && absent?.paths === paths && realTime() < absent.until) return undefined
  try {
    for (const path of paths) {
      const machines = files.get(path)
      if (machines !== undefined) return machines
    }
    absent = { paths, until: realTime() + absenceLasts }
  } catch {
    // Not readable, a directory ...
  }
  return undefined
}

/** Asked for each request, with the same answer. */
let places: { netrc: string | undefined; home: string | undefined; paths: readonly string[] } | undefined

/** Milliseconds for which a home without such a file is believed to have none: two looks cost a fifth of a request. */
const absenceLasts = 1000

let absent: { readonly paths: readonly string[]; readonly until: number } | undefined

function pathsFor(netrc: string | undefined, home: string | undefined): readonly string[] {
  if (places !== undefined && places.netrc === netrc && places.home === home) return places.paths
  const folder = home === undefined || home === '' ? homedir() : home
  const paths =
    netrc === undefined ? [join(folder, '.netrc'), join(folder, '_netrc')] : [netrc.replace(/^~(?=\/|$)/, folder)]
  places = { netrc, home, paths }
  return paths
}
