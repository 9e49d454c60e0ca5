/**
 * Runs the blocks of README.md that use `undici-futures/bullmq`: programs of a fleet, which need a Redis and each other.
 * The one that starts a worker runs until it is told to end (SIGTERM), the others to their end, one after another. Their
 * `connection` is replaced, the rest is done for them that readme.test.ts does for all.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { eventually } from './helpers/fleet.ts'
import { openSnippetFolder, readSnippets, startExampleServer, toRunnable, type Snippet } from './helpers/readme.ts'
import { hasRedis, RedisServer } from './helpers/redis.ts'
import { runNode, strictly } from './helpers/run-node.ts'

const snippets = readSnippets().filter(({ code }) => code.includes('undici-futures/bullmq'))
const workers = snippets.filter(({ code }) => code.includes('startWorker'))
const submitters = snippets.filter((snippet) => !workers.includes(snippet))

test('README.md shows both sides of a fleet', () => {
  expect([workers.length, submitters.length > 0]).toEqual([1, true])
})

test.skipIf(!hasRedis)('README.md: the programs of a fleet do what they say, and end', async () => {
  const redis = await RedisServer.start()
  const server = await startExampleServer()
  const home = await openSnippetFolder()
  process.env['FLEET_SECRET'] = 'of the README'
  const connection = JSON.stringify(redis.connection)
  const write = (snippet: Snippet, end = ''): Promise<string> => {
    const code = toRunnable(snippet, server.url)
    expect(code.match(/\bconnection: \{.*\}/g)).toHaveLength(1)
    return home.write(`${code.replace(/\bconnection: \{.*\}/, `connection: ${connection}`)}\n${end}`)
  }
  const worker = spawn(process.execPath, [...strictly, await write(workers[0]!)], { stdio: 'inherit' })
  try {
    // Its handler of SIGTERM is there as soon as it takes tasks.
    await eventually(async () => (await redis.command('SCARD bull:undici-futures:fleet:workers')) === ':1\r\n')
    for (const snippet of submitters) {
      const file = await write(snippet, 'console.log(response.status)\nawait executor.shutdown()')
      expect(await runNode([...strictly, file], home.folder)).toEqual({ code: 0, stdout: '200\n', stderr: '' })
    }
    const over = once(worker, 'exit')
    worker.kill('SIGTERM')
    expect(await over).toEqual([0, null])
    expect(await redis.command('KEYS *fleet:*')).toBe('*0\r\n')
  } finally {
    worker.kill('SIGKILL')
    server.close()
    await home.close()
    await redis.stop()
  }
})
