import fc from './helpers/fast-check.ts'
import { expect, test } from 'vitest'
import { LinkedList } from '../src/linked-list.ts'

class Element {
  next: Element | undefined = undefined
  previous: Element | undefined = undefined
}

test('LinkedList does what an array does', () => {
  const operation = fc.oneof(
    fc.constant({ do: 'push' } as const),
    fc.constant({ do: 'unshift' } as const),
    fc.record({ do: fc.constant('remove' as const), at: fc.nat() }),
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const list = new LinkedList<Element>()
      const model: Element[] = []
      for (const each of operations) {
        if (each.do === 'remove') {
          const [element] = model.splice(each.at % Math.max(1, model.length), 1)
          if (element !== undefined) expect(list.remove(element)).toBe(true)
        } else {
          const element = new Element()
          list[each.do](element)
          model[each.do](element)
        }
        expect([...list].map((element, index) => element === model[index])).toEqual(model.map(() => true))
        expect(list.first).toBe(model.at(0))
        expect(list.last).toBe(model.at(-1))
        expect(list.size).toBe(model.length)
      }
    }),
  )
})

test('LinkedList.remove() unlinks the element, so that it keeps no other one alive', () => {
  const list = new LinkedList<Element>()
  const elements = [new Element(), new Element(), new Element()] as const
  for (const each of elements) list.push(each)
  list.remove(elements[1])
  expect([elements[1].next, elements[1].previous]).toEqual([undefined, undefined])
})

test('LinkedList.remove() ignores an element that is in no list', () => {
  const list = new LinkedList<Element>()
  const element = new Element()
  list.push(element)
  expect([list.remove(new Element()), list.remove(element), list.remove(element)]).toEqual([false, true, false])
  expect(list.size).toBe(0)
})

test('LinkedList lets an element that has left join another list', () => {
  const element = new Element()
  const [first, second] = [new LinkedList<Element>(), new LinkedList<Element>()]
  first.push(element)
  first.remove(element)
  second.unshift(element)
  expect([first.size, second.size]).toEqual([0, 1])
  expect(second.first).toBe(element)
})
