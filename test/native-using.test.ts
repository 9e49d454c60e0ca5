/** `using` of Node itself: vitest compiles it away in the tests of its own. */
import { expect, test } from 'vitest'
import { runNode, strictly } from './helpers/run-node.ts'
import { startServer } from './helpers/server.ts'

const hasUsing = 'DisposableStack' in globalThis

test.skipIf(!hasUsing)(
  'native using and await using dispose of sessions, executors, futures, responses and pools',
  async () => {
    const server = await startServer((request, response) => {
      if (request.url === '/endless') response.write('x')
      else if (request.url === '/') response.end()
    })
    const { code, stdout, stderr } = await runNode([...strictly, 'test/fixtures/native-using.mjs', server.url])
    await server.close()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trim().split('\n')).toEqual([
      'using session: cancelled cancelled',
      'await using session: 200 cancelled',
      'await using executor, in process: 42 42 42',
      'await using executor, in threads: 42 42 42',
      'using future: cancelled',
      'await using response: StreamConsumedError',
      'await using pool: {"submitted":1,"responses":0,"exceptions":0,"cancelled":1}',
      'kept, though the future was pending',
    ])
  },
)
