// The peers that are Python's, where there is a Python that has them: `UF_PYTHON`, or Debian's own is asked first.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('peers.py', import.meta.url))
const modules = {
  'requests-futures': 'requests_futures',
  'requests-toolbelt': 'requests_toolbelt',
  aiohttp: 'aiohttp',
  // Not among the peers of every scenario.
  dask: 'distributed, requests_futures',
}
const pythons = {}

export const pythonPeers = Object.keys(modules).filter((name) => name !== 'dask')

export const isPython = (contender) => contender in modules

/** The Python that has this peer; `undefined` if none has. */
export function pythonFor(contender) {
  if (!(contender in pythons))
    pythons[contender] = [process.env.UF_PYTHON, '/usr/bin/python3', 'python3'].find(
      (python) => python !== undefined && has(python, contender),
    )
  return pythons[contender]
}

function has(python, contender) {
  return spawnSync(python, ['-c', `import ${modules[contender]}`], { stdio: 'ignore' }).status === 0
}

export async function measureInPython(scenario, contender, options) {
  const spawnedAt = performance.timeOrigin + performance.now()
  const parameters = JSON.stringify({ ...options, spawnedAt })
  const child = spawn(pythonFor(contender), [script, scenario, contender, parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const chunks = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${scenario} of ${contender} ended with ${code}`)
  return JSON.parse(Buffer.concat(chunks).toString())
}
