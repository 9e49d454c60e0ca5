import { statSync } from 'node:fs'

interface CachedFile<T> {
  readonly value: T
  readonly modified: number
  readonly size: number
  readonly inode: number
  /** Read when the file had been at rest for a while: clocks of file systems are coarse, one tick may see two writes. */
  readonly isSure: boolean
}

/** Milliseconds: more than a tick of any file system but FAT's. */
const timeAtRest = 100

const maxEntries = 100

/** Keeps what is made of files (or directories), and makes it anew once their modification time, size or inode changes. */
export class FileCache<T> {
  readonly #make: (path: string) => T
  readonly #entries = new Map<string, CachedFile<T>>()

  constructor(make: (path: string) => T) {
    this.#make = make
  }

  /**
   * @returns `undefined` if there is no such file
   * @throws what looking at the file, or making something of it, throws
   */
  get(path: string): T | undefined {
    const stats = statSync(path, { throwIfNoEntry: false })
    const entry = this.#entries.get(path)
    if (stats === undefined) {
      this.#entries.delete(path)
      return undefined
    }
    const { mtimeMs: modified, size, ino: inode } = stats
    if (entry?.isSure === true && entry.modified === modified && entry.size === size && entry.inode === inode)
      return entry.value
    const isSure = Date.now() - modified > timeAtRest
    const value = this.#make(path)
    if (this.#entries.size >= maxEntries) this.#entries.delete(this.#entries.keys().next().value ?? '')
    this.#entries.set(path, { value, modified, size, inode, isSure })
    return value
  }
}
