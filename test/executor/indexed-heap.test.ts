import fc from '../helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { IndexedHeap, type HeapElement } from '../../src/executor/indexed-heap.ts'

interface Item extends HeapElement {
  key: number
}

const operation = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ do: fc.constant('removeFirst' as const) }),
  fc.record({ do: fc.constant('remove' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('move' as const), at: fc.nat(), key: fc.integer({ min: 0, max: 20 }) }),
)

test('IndexedHeap has the smallest first, whatever is added, removed and moved', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const heap = new IndexedHeap<Item>((a, b) => a.key < b.key)
      const model: Item[] = []
      for (const each of operations) {
        if (each.do === 'add') {
          const item = { key: each.key, heapIndex: -1 }
          heap.place(item)
          model.push(item)
        } else if (model.length > 0) {
          const index = each.do === 'removeFirst' ? model.indexOf(heap.first!) : each.at % model.length
          const item = model[index]!
          if (each.do === 'move') {
            item.key = each.key
            heap.place(item)
          } else {
            model.splice(index, 1)
            heap.remove(item)
            heap.remove(item)
            expect(item.heapIndex).toBe(-1)
          }
        }
        const smallest = Math.min(...model.map(({ key }) => key))
        expect(heap.first?.key ?? Infinity).toBe(smallest)
        expect(new Set(model.map(({ heapIndex }) => heapIndex)).size).toBe(model.length)
      }
    }),
    { numRuns: 500 },
  )
})

test('IndexedHeap sorts 100 000 elements in n log n', () => {
  const heap = new IndexedHeap<Item>((a, b) => a.key < b.key)
  let comparisons = 0
  const counting = new IndexedHeap<Item>((a, b) => {
    comparisons++
    return a.key < b.key
  })
  const count = 100_000
  for (let index = 0; index < count; index++) counting.place({ key: (index * 7_919) % count, heapIndex: -1 })
  let previous = -1
  for (let item = counting.first; item !== undefined; item = counting.first) {
    expect(item.key >= previous).toBe(true)
    previous = item.key
    counting.remove(item)
  }
  expect(comparisons).toBeLessThan(4 * count * Math.log2(count))
  expect(heap.first).toBe(undefined)
})
