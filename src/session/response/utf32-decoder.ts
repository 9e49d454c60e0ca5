const blank = Buffer.alloc(0)

/** UTF-32, which TextDecoder does not have; servers that send JSON in it exist. */
export class Utf32Decoder {
  #isBigEndian: boolean | undefined
  #rest: Uint8Array = blank
  #isStarted = false

  /** `utf-32`: the byte order mark decides, without one it is little-endian; or `utf-32le`, `utf-32be`. */
  constructor(name: string) {
    this.#isBigEndian = name === 'utf-32' ? undefined : name === 'utf-32be'
  }

  decode(bytes: Uint8Array = blank, { stream = false } = {}): string {
    const all = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength)
    const end = all.byteLength - (all.byteLength % 4)
    let text = ''
    for (let at = 0; at < end; at += 4) text += this.#read(view, at)
    this.#rest = stream ? new Uint8Array(all.subarray(end)) : blank
    return !stream && end < all.byteLength ? `${text}\ufffd` : text
  }

  #read(view: DataView, at: number): string {
    const isFirst = !this.#isStarted
    this.#isStarted = true
    if (isFirst) this.#isBigEndian ??= view.getUint32(at) === 0xfeff
    const code = view.getUint32(at, this.#isBigEndian !== true)
    if (isFirst && code === 0xfeff) return ''
    return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code)
  }
}
