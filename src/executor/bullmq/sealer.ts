import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** The first byte of everything in Redis. */
const kinds = { plain: 0, sealed: 1 } as const
const ivSize = 12
const tagSize = 16
/** The length of the sender's id. */
const idSize = 36
/** How many senders' keys are kept. */
const mostKeys = 1000

/** The bytes were sealed with another secret or for another purpose, were changed, or are sealed where no secret is set, or the reverse. */
export class SealError extends Error {}

/**
 * Seals what lies in Redis with the secret that all sides know (AES-256-GCM): nobody else can read it, write it, or put it to
 * another use. Without a secret it passes things on as they are. Each process has a key of its own, made of the secret and
 * its id, so that random initialization vectors suffice.
 */
export class Sealer {
  readonly #secret: string | undefined
  readonly #id: string
  readonly #keys = new Map<string, Buffer>()

  constructor(secret: string | undefined, id: string) {
    this.#secret = secret
    this.#id = id
  }

  /** @param context the purpose; the bytes can be opened for that one only */
  seal(bytes: Uint8Array, context: string): Buffer {
    if (this.#secret === undefined) return Buffer.concat([Buffer.of(kinds.plain), bytes])
    const iv = randomBytes(ivSize)
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(this.#secret, this.#id), iv)
    cipher.setAAD(Buffer.from(context))
    const sealed = [cipher.update(bytes), cipher.final()]
    return Buffer.concat([Buffer.of(kinds.sealed), Buffer.from(this.#id, 'latin1'), iv, cipher.getAuthTag(), ...sealed])
  }

  /** @throws {SealError} */
  open(bytes: Buffer, context: string): Buffer {
    const [kind] = bytes
    if (this.#secret === undefined) {
      if (kind === kinds.plain) return bytes.subarray(1)
      throw new SealError('It is sealed, and there is no `secret` here')
    }
    if (kind !== kinds.sealed) throw new SealError('It is not sealed, and there is a `secret` here')
    try {
      return this.#open(this.#secret, bytes, context)
    } catch (cause) {
      throw new SealError('It was sealed with another `secret`, or changed since', { cause })
    }
  }

  #open(secret: string, bytes: Buffer, context: string): Buffer {
    let at = 1
    const next = (size: number): Buffer => bytes.subarray(at, (at += size))
    const id = next(idSize).toString('latin1')
    // Without the length, a part of a tag would be accepted.
    const options = { authTagLength: tagSize }
    const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(secret, id), next(ivSize), options)
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(next(tagSize))
    return Buffer.concat([decipher.update(bytes.subarray(at)), decipher.final()])
  }

  #keyOf(secret: string, id: string): Buffer {
    let key = this.#keys.get(id)
    if (key === undefined) {
      if (this.#keys.size >= mostKeys) this.#keys.clear()
      key = Buffer.from(hkdfSync('sha256', secret, id, 'undici-futures fleet', 32))
      this.#keys.set(id, key)
    }
    return key
  }
}
