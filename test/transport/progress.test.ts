import { describe, expect, it } from 'vitest'
import type { TransferProgress } from '../../src/transport/exchange.ts'
import { ProgressMeter } from '../../src/transport/upload.ts'

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
