/** A fleet whose workers and submitters run on different Nodes: each beside this one, and the oldest beside the newest. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FuturesSession } from '../../src/futures-session/futures-session.ts'
import { taskReference } from '../../src/task-reference.ts'
import { startServer } from '../helpers/fleet-server.ts'
import { entry, Fleet } from '../helpers/fleet.ts'
import { hasRedis } from '../helpers/redis.ts'
import { projectRoot, run } from '../helpers/run-node.ts'

const { fetchNode, supportedNodes } = (await import(new URL('nodes.mjs', import.meta.url).href)) as {
  supportedNodes: readonly string[]
  fetchNode(major: string): Promise<{ path: string }>
}
const secret = 'of two Nodes'
const program = join(projectRoot, 'test/fixtures/fleet-values.mjs')
const own = process.version.slice(1).split('.')[0]
const others = supportedNodes.filter((major) => major !== own)
const [oldest, newest] = [supportedNodes[0]!, supportedNodes.at(-1)!]

describe.skipIf(!hasRedis)('A fleet on several Nodes', () => {
  const paths = new Map([[own, process.execPath]])
  let fleet: Fleet

  beforeAll(async () => {
    for (const major of others) paths.set(major, (await fetchNode(major)).path)
    fleet = await Fleet.open()
  })

  afterAll(() => fleet[Symbol.asyncDispose]())

  const pairs = [
    ...others.flatMap((other) => [
      [other, own],
      [own, other],
    ]),
    ...(own === oldest || own === newest
      ? []
      : [
          [oldest, newest],
          [newest, oldest],
        ]),
  ] as [string, string][]

  test.each(pairs)('submitter on %s, worker on %s: values, errors and cancellation cross', async (from, to) => {
    const worker = await fleet.worker({ secret }, paths.get(to))
    const options = JSON.stringify({ entry, connection: fleet.redis.connection, secret })
    const outcome = await run(String(paths.get(from)), ['--no-warnings', program, options])
    expect(outcome).toEqual({ code: 0, stdout: 'ok\n', stderr: '' })
    await worker.close()
  })

  test.each(others)('requests of a session cross to a worker on %s', async (other) => {
    const server = await startServer()
    const worker = await fleet.worker({}, paths.get(other))
    const session = new FuturesSession({ executor: fleet.executor(), baseUrl: server.url })
    const hooks = { response: taskReference('fleet-hooks', 'count') }
    const response = await session.post('/mirror', { data: Buffer.alloc(70_000, 'abc'), hooks }).result()
    expect([response.content.byteLength, response.data]).toEqual([70_000, { status: 200 }])
    await worker.close()
    await server.close()
  })
})
