import { describe, expect, test } from 'vitest'
import { projectRoot, run } from '../../helpers/run-node.ts'
import { startServer } from '../../helpers/server.ts'

/** What the program of that name reports, having all descriptors but `left` in its hands for a while. */
async function report(scenario: string, left: number, ...args: string[]): Promise<any> {
  const program = ['test/helpers/run-program.mjs', 'test/executor/worker-thread/few-descriptors-program.ts', scenario]
  const limited = ['-c', 'ulimit -n 128 && exec "$@"', 'sh', process.execPath, ...program, String(left), ...args]
  const { code, stdout, stderr } = await run('sh', limited, projectRoot)
  expect([stderr, code], stdout).toEqual(['', 0])
  return JSON.parse(stdout)
}

const crashed = {
  name: 'WorkerCrashedError',
  message: expect.stringMatching(/^No worker thread could be started: .*EMFILE/) as unknown,
}

// None left: Node can't make a thread. Four or five: it can't read what the thread runs.
describe.skipIf(process.platform === 'win32')('WorkerThreadExecutor without file descriptors', () => {
  test.each([0, 4, 5])('for a moment: what was submitted waits (%i left)', async (left) => {
    expect(await report('for a moment', left)).toMatchObject({ waited: [2, 3], cancelled: true, later: 11 })
  })

  test.each([0, 3])('for long: what waits fails, what comes afterwards does not (%i left)', async (left) => {
    const { waited, later } = await report('for long', left)
    expect(waited).toEqual([crashed, crashed].map((each) => expect.objectContaining(each) as unknown))
    expect(later).toEqual([11, 12, 13])
  })

  test('gives everything to the threads that are there', async () => {
    const { waited, later } = await report('with a thread at work', 0)
    expect(waited).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
    expect(later).toBe(11)
  })

  test('can read later what could not be read then', async () => {
    const { waited, later } = await report('when a module is to be read', 0)
    expect(waited).toMatchObject({ message: expect.stringContaining('EMFILE') as unknown })
    expect(later).toEqual([2, 3])
  })

  test('is still broken by an initializer that fails', async () => {
    const { waited } = await report('an initializer that fails', 0)
    expect(waited).toMatchObject({ name: 'BrokenExecutorError', message: "The executor can't run tasks: no" })
  })

  test('does not keep the process alive once all is cancelled', async () => {
    const { waited, seconds } = await report('all is cancelled', 0)
    expect(waited).toEqual(Array.from({ length: 4 }, () => 'cancelled'))
    expect(seconds).toBeLessThan(20)
  })

  test('lets requests wait', async () => {
    const server = await startServer((request, response) => void response.end(request.url))
    try {
      expect(await report('requests', 0, server.url)).toMatchObject({ waited: ['/a', '/b'], later: '/c' })
    } finally {
      await server.close()
    }
  })
})
