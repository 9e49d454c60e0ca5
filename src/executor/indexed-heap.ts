/** An element knows its place, so that the heap can remove or move it in O(log n) without a search. */
export interface HeapElement {
  /** Its place in the heap; -1 while it is in none. */
  heapIndex: number
}

/** A binary heap that can remove and move any of its elements. */
export class IndexedHeap<T extends HeapElement> {
  readonly #isBefore: (a: T, b: T) => boolean
  readonly #elements: T[] = []

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  /** The element before all others. */
  get first(): T | undefined {
    return this.#elements[0]
  }

  /** Adds an element, or moves it after its order has changed. */
  place(element: T): void {
    if (element.heapIndex === -1) {
      element.heapIndex = this.#elements.length
      this.#elements.push(element)
    }
    if (this.#elements.length > 1) this.#sinkOrRise(element)
  }

  remove(element: T): void {
    const index = element.heapIndex
    if (index === -1) return
    element.heapIndex = -1
    const last = this.#elements.pop() as T
    if (last === element) return
    this.#put(last, index)
    this.#sinkOrRise(last)
  }

  #sinkOrRise(element: T): void {
    let index = element.heapIndex
    for (;;) {
      const parent = this.#elements[(index - 1) >> 1]
      if (index === 0 || parent === undefined || !this.#isBefore(element, parent)) break
      this.#put(parent, index)
      index = (index - 1) >> 1
    }
    for (;;) {
      const child = this.#firstChild(index)
      if (child === undefined || !this.#isBefore(child, element)) break
      const next = child.heapIndex
      this.#put(child, index)
      index = next
    }
    this.#put(element, index)
  }

  #firstChild(index: number): T | undefined {
    const left = this.#elements[2 * index + 1]
    const right = this.#elements[2 * index + 2]
    return left !== undefined && right !== undefined && this.#isBefore(right, left) ? right : left
  }

  #put(element: T, index: number): void {
    this.#elements[index] = element
    element.heapIndex = index
  }
}
