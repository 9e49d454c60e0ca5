// What loading the package costs, and how long it takes from the start of a process to the first answer.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { pythonPeers } from '../python.mjs'

export const title = 'Start: loading the package, and the first answer'
export const contenders = ['futures', 'undici-request', 'undici-fetch', 'got', 'axios', 'ky', ...pythonPeers]
export const rounds = { full: 9, quick: 2 }

/** In a process that has loaded nothing yet. */
export async function measure({ contender, url }) {
  const spawnedAt = performance.timeOrigin + performance.now()
  const child = fork(new URL('../start.mjs', import.meta.url), [contender, url, spawnedAt], { execArgv: [] })
  const [result] = await once(child, 'message')
  return result
}

export const columns = {
  load: { title: 'import ms', best: 'min', digits: 0 },
  memory: { title: 'import MiB', best: 'min', digits: 1 },
  first: { title: 'start to first answer ms', best: 'min', digits: 0 },
}

export const figures = {
  load: 'import: ms',
  memory: 'import: MiB',
  first: 'start of the process to the first answer: ms',
}
