/**
 * For classes that mention themselves: bundlers rename those (`_Session`), and errors and `util.inspect` are to show the
 * name that users know.
 */
export function setOwnName(constructor: object, name: string): void {
  Object.defineProperty(constructor, 'name', { value: name, configurable: true })
}
