import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { entryOfBundle, startThread } from '../../../src/executor/worker-thread/thread-life.ts'

describe('The entry of threads', () => {
  test.each([
    [
      'a file of ours, or a bundle with the usual name',
      'file:///app/node_modules/undici-futures/dist/index.js',
      undefined,
    ],
    ['a bundle of ES modules', 'file:///app/out/app.mjs', 'file:///app/out/worker-entry.mjs'],
    ['a bundle whose URL has a query', 'file:///app/out/app.mjs?v=1', 'file:///app/out/worker-entry.mjs'],
  ])('beside %s', (_, moduleUrl, entry) => {
    expect(entryOfBundle(moduleUrl)?.href).toBe(entry)
  })

  test('beside a bundle of CommonJS, which knows its name only as a path, has the extension of that', () => {
    // Here that is the source itself.
    expect(entryOfBundle(undefined)?.pathname).toMatch(/\/src\/executor\/worker-thread\/worker-entry\.ts$/)
  })

  test('is what the thread of a bundle runs, with what it is told', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-'))
    const source = `
      import { parentPort, resourceLimits, workerData } from 'node:worker_threads'
      parentPort.postMessage([workerData.initializer, resourceLimits.stackSizeMb])`
    try {
      await writeFile(path.join(folder, 'worker-entry.mjs'), source)
      const entry = entryOfBundle(pathToFileURL(path.join(folder, 'app.mjs')).href)
      const initializer = { module: 'tasks.js', name: 'start', args: [1] }
      const worker = startThread(initializer, { stackSizeMb: 2 }, entry)
      expect(await once(worker, 'message')).toEqual([[initializer, 2]])
      await worker.terminate()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
