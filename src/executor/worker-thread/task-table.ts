/** What has a number that nobody else has, or had. */
interface Numbered {
  readonly id: number
}

/**
 * Running tasks by their numbers. No Map: the tables that a Map has outgrown keep what was in them, and so every task, for
 * as long as the old generation is not collected. Here a task leaves nothing behind.
 */
export class TaskTable<T extends Numbered> {
  /** At least half of the places are free. A task is at the place of its number, or at the next one that was free. */
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

  /** As it is now. */
  list(): T[] {
    return this.#places.filter((each) => each !== undefined)
  }

  /** @returns -1 if it is not there: then it takes a look at every place */
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
