/** An element of a LinkedList carries its own links; both are `undefined` while it is in no list. */
export interface LinkedListElement<T> {
  next: T | undefined
  previous: T | undefined
}

/**
 * A doubly linked list that runs through its elements: nothing is allocated for one, and any of them leaves in constant
 * time. An element is in one list at most. It takes the place of a Set or a Map where elements come and go in numbers: the
 * tables that those have outgrown keep their former elements alive until the old generation is collected.
 */
export class LinkedList<T extends LinkedListElement<T>> {
  first: T | undefined = undefined
  last: T | undefined = undefined
  size = 0

  push(element: T): void {
    const { last } = this
    element.previous = last
    if (last === undefined) this.first = element
    else last.next = element
    this.last = element
    this.size++
  }

  unshift(element: T): void {
    const { first } = this
    element.next = first
    if (first === undefined) this.last = element
    else first.previous = element
    this.first = element
    this.size++
  }

  /**
   * Removes an element of this list; one that is in no list is ignored.
   *
   * @returns whether it was there
   */
  remove(element: T): boolean {
    const { next, previous } = element
    if (previous === undefined && this.first !== element) return false
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    element.next = element.previous = undefined
    this.size--
    return true
  }

  /** First to last. Iterate a copy where elements are removed meanwhile: a removed one has no next. */
  *[Symbol.iterator](): Generator<T, undefined> {
    for (let element = this.first; element !== undefined; element = element.next) yield element
  }
}
