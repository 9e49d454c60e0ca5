/** An element with a number that no other has, or had. */
interface Numbered {
  readonly id: number
}

/**
 * A hash table of tasks by their numbers, with open addressing. It is no Map, because the tables that a Map has outgrown
 * keep their former entries alive until the old generation is collected.
 */
export class TaskTable<T extends Numbered> {
  /** At least half of the places are free. A task is at the place of its number, or at the next free one after it. */
  #places = emptyPlaces<T>(16)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): T | undefined {
    return this.#places[this.#find(id)]
  }

  add(task: T): void {
    if (this.#size * 2 >= this.#places.length) this.#grow()
    this.#put(task)
    this.#size++
  }

  delete(id: number): void {
    const place = this.#find(id)
    if (place < 0) return
    this.#places[place] = undefined
    this.#size--
  }

  /** A copy. */
  list(): T[] {
    return this.#places.filter((each) => each !== undefined)
  }

  /** @returns the place, -1 if there is none. Looks at every place then, because `delete` leaves gaps. */
  #find(id: number): number {
    const { length } = this.#places
    for (let step = 0; step < length; step++) {
      const place = (id + step) % length
      if (this.#places[place]?.id === id) return place
    }
    return -1
  }

  #put(task: T): void {
    let place = task.id % this.#places.length
    while (this.#places[place] !== undefined) place = (place + 1) % this.#places.length
    this.#places[place] = task
  }

  #grow(): void {
    const tasks = this.list()
    this.#places = emptyPlaces(this.#places.length * 2)
    for (const each of tasks) this.#put(each)
  }
}

function emptyPlaces<T>(count: number): (T | undefined)[] {
  return new Array<T | undefined>(count).fill(undefined)
}
