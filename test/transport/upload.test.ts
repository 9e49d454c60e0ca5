import { describe, expect, it } from 'vitest'
import type { TransferProgress } from '../../src/transport/exchange.ts'
import { ProgressMeter, Upload } from '../../src/transport/upload.ts'
import { gate, turn } from '../helpers/gate.ts'
import { straysOf } from '../helpers/strays.ts'

const end = { done: true, value: undefined }
const chunk = Buffer.from('chunk')

/** An upload of what `source` does, and what it tells of itself. */
function make(source: Partial<AsyncIterator<Uint8Array>>, listener?: () => void) {
  const told: unknown[] = []
  const uploadListener = {
    handleUploadPause: () => void told.push('pause'),
    handleUploadResume: () => void told.push('resume'),
    handleUploadFailure: (error: unknown) => void told.push(error),
  }
  const body = {
    length: undefined,
    open: () => ({ [Symbol.asyncIterator]: () => source }) as AsyncIterable<Uint8Array>,
  }
  return { told, upload: new Upload(body, uploadListener, listener) }
}

describe('Upload', () => {
  it('gives the end to whoever waits when the exchange is over, and tells the source', async () => {
    let isReturned = false
    const never = gate<IteratorResult<Uint8Array>>()
    const { upload } = make({
      next: () => never.promise,
      return: async () => {
        isReturned = true
        return end as IteratorResult<Uint8Array>
      },
    })
    const next = upload.next()
    upload.stop()
    upload.stop()
    expect(await next).toEqual(end)
    expect(await upload.next()).toEqual(end)
    await turn()
    expect(isReturned).toBe(true)
  })

  it.each([
    [
      'a chunk',
      (late: ReturnType<typeof gate<IteratorResult<Uint8Array>>>) => late.open({ done: false, value: chunk }),
    ],
    ['an error', (late: ReturnType<typeof gate<IteratorResult<Uint8Array>>>) => late.fail(new Error('late'))],
  ])('ignores %s that comes when it is over', async (_name, come) => {
    const late = gate<IteratorResult<Uint8Array>>()
    const { told, upload } = make({ next: () => late.promise })
    const next = upload.next()
    await upload.return()
    come(late)
    await turn()
    expect(await next).toEqual(end)
    expect(told).toEqual(['pause'])
  })

  it('keeps to itself that a source does not let itself be left', async () => {
    const { upload } = make({ next: () => gate<never>().promise, return: () => Promise.reject(new Error('return')) })
    expect(await straysOf(() => upload.return())).toEqual([])
  })

  it('tells of a source that throws, of one that rejects, and of a listener that throws at the end', async () => {
    const error = new Error('next')
    const throwing = make({
      next: () => {
        throw error
      },
    })
    expect(await throwing.upload.next()).toEqual(end)
    expect(throwing.told).toEqual(['pause', error])
    const rejecting = make({ next: () => Promise.reject(error) })
    expect(await rejecting.upload.next()).toEqual(end)
    expect(rejecting.told).toEqual(['pause', error])
    let calls = 0
    const listening = make({ next: async () => end as IteratorResult<Uint8Array> }, () => {
      if (++calls === 2) throw error
    })
    expect(await listening.upload.next()).toEqual(end)
    expect(listening.told).toEqual(['pause', 'resume', error])
  })

  it('counts no chunk that is empty', async () => {
    const chunks = [chunk, Buffer.alloc(0), chunk]
    const counted: number[] = []
    const uploadListener = { handleUploadPause() {}, handleUploadResume() {}, handleUploadFailure() {} }
    async function* open() {
      yield* chunks
    }
    const upload = new Upload({ length: 10, open }, uploadListener, ({ transferredBytes }) =>
      counted.push(transferredBytes),
    )
    for await (const each of upload) expect(chunks).toContain(each)
    expect(counted).toEqual([0, 5, 10])
  })
})

describe('ProgressMeter', () => {
  const percents = (total: number | undefined, ...chunks: number[]): number[] => {
    const told: TransferProgress[] = []
    const meter = new ProgressMeter(
      (progress) => told.push(progress),
      total,
      () => {},
    )
    for (const each of chunks) meter.add(each)
    meter.end()
    expect(told.every(({ totalBytes }) => totalBytes === total)).toBe(true)
    return told.map(({ percent }) => percent)
  }

  it('starts at 0 and ends at 1 with the last byte', () => {
    expect(percents(10, 5, 5)).toEqual([0, 0.5, 1])
  })

  it('knows the end of an unknown total only there', () => {
    expect(percents(undefined, 5, 5)).toEqual([0, 0, 0, 1])
  })

  it('says of nothing at once that it is all there', () => {
    expect(percents(0)).toEqual([1])
  })

  it('never goes beyond 1, whatever was announced', () => {
    expect(percents(4, 5)).toEqual([0, 1])
  })
})
