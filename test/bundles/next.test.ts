/** Next, whose `next build` bundles what route handlers import, with Turbopack. */
import { mkdir, writeFile } from 'node:fs/promises'
import { spawn, type ChildProcess } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packPackage, type PackedPackage } from '../helpers/packed.ts'
import { runNode } from '../helpers/run-node.ts'

let packed: PackedPackage
let project: string
const upstream = http.createServer((request, response) => response.end(JSON.stringify({ url: request.url })))
let next: ChildProcess | undefined

const routes = {
  plain: 'new FuturesSession()',
  threads: 'new FuturesSession({ executor: new WorkerThreadExecutor({ threads: 1 }) })',
}

beforeAll(async () => {
  packed = await packPackage()
  project = await packed.install('next-app', 'next@16', 'react@19', 'react-dom@19')
  await mkdir(path.join(project, 'app'))
  await writeFile(
    path.join(project, 'app/layout.js'),
    'export default function Layout({ children }) { return <html><body>{children}</body></html> }',
  )
  await writeFile(path.join(project, 'app/page.js'), 'export default function Page() { return <p>here</p> }')
  for (const [name, session] of Object.entries(routes)) {
    await mkdir(path.join(project, 'app', name))
    await writeFile(
      path.join(project, 'app', name, 'route.js'),
      `import { FuturesSession, WorkerThreadExecutor } from 'undici-futures'
       let session
       export async function GET(request) {
         session ??= ${session}
         return Response.json(await session.get(new URL(request.url).searchParams.get('url')).json())
       }`,
    )
  }
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  upstream.close()
  await packed.remove()
})

/** Builds and starts the app, and asks each of these routes. */
async function answers(config: string, ...names: (keyof typeof routes)[]): Promise<{ log: string; urls: unknown[] }> {
  await writeFile(path.join(project, 'next.config.mjs'), config)
  const program = path.join(project, 'node_modules/next/dist/bin/next')
  const build = await runNode([program, 'build'], project, 230_000)
  expect(build.code, build.stdout + build.stderr).toBe(0)
  next = spawn(process.execPath, [program, 'start', '--port', '0'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const base = await addressOf(next)
    const { port } = upstream.address() as AddressInfo
    const urls: unknown[] = []
    for (const name of names) {
      const response = await fetch(`${base}/${name}?url=${encodeURIComponent(`http://127.0.0.1:${port}/${name}`)}`)
      urls.push(await response.json())
    }
    return { log: build.stdout + build.stderr, urls }
  } finally {
    next.kill('SIGKILL')
  }
}

/** As it prints it once it listens. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const address = /Ready/.test(text) ? /http:\/\/localhost:\d+/.exec(text) : null
      if (address !== null) resolve(address[0])
    })
    child.once('exit', (code) => reject(new Error(`next start ended with ${code}: ${text}`)))
  })
}

test('`next build` bundles it, without a word', async () => {
  const { log, urls } = await answers('export default {}', 'plain')
  expect(urls).toEqual([{ url: '/plain' }])
  expect(log).not.toMatch(/can't resolve|critical dependency|warn/i)
})

test('with `serverExternalPackages` threads work, too', async () => {
  const { urls } = await answers("export default { serverExternalPackages: ['undici-futures'] }", 'plain', 'threads')
  expect(urls).toEqual([{ url: '/plain' }, { url: '/threads' }])
})
