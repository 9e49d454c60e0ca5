import { describe, expect, test } from 'vitest'
import { TaskTable } from '../../../src/executor/worker-thread/task-table.ts'

describe('TaskTable', () => {
  test('finds by number what is in it, whatever the order of coming and going', () => {
    const table = new TaskTable<{ id: number }>()
    const expected = new Map<number, { id: number }>()
    let seed = 1
    for (let id = 1; id < 5000; id++) {
      const task = { id }
      table.add(task)
      expected.set(id, task)
      seed = (seed * 48_271) % 2_147_483_647
      for (const each of [...expected.keys()].slice(0, seed % 3)) {
        table.delete(each)
        table.delete(each)
        expected.delete(each)
        expect(table.get(each)).toBeUndefined()
      }
      expect(table.size).toBe(expected.size)
    }
    for (const [id, task] of expected) expect(table.get(id)).toBe(task)
    expect(new Set(table.list())).toEqual(new Set(expected.values()))
  })

  test('keeps those that stay while any number of others come and go', () => {
    const table = new TaskTable<{ id: number }>()
    const staying = { id: 1 }
    table.add(staying)
    for (let id = 2; id < 200; id++) {
      const passing = { id }
      table.add(passing)
      expect([table.get(1), table.get(id)]).toEqual([staying, passing])
      table.delete(id)
    }
    expect(table.list()).toEqual([staying])
  })
})
