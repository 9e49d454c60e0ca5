import { expect, test } from 'vitest'
import { runProgram } from '../../helpers/run-node.ts'

// Where the session can be collected before its streams, every Node aborts within so many rounds.
test('A server that breaks off headers does not end the process when sessions are collected', async () => {
  const program = 'test/transport/http2/collected-sessions-program.ts'
  expect(await runProgram(program, ['40'], 120_000)).toEqual({ code: 0, stdout: '320\n', stderr: '' })
}, 150_000)
