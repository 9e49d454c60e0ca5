/**
 * What TypeScript says of the public types: it compiles the files of this folder, which are never run. What must be an error is
 * marked with `@ts-expect-error`, which is an error itself where there is none.
 */
import path from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot, runNode } from '../helpers/run-node.ts'

test('the public types say what the files of test/types say, declarations of dependencies checked too', async () => {
  const compiler = path.join(projectRoot, 'node_modules/typescript/bin/tsc')
  const { code, stdout } = await runNode([compiler, '--noEmit', '--project', 'test/types'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
}, 60_000)
