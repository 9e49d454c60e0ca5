// The least that undici needs: a handler of our own on a pool, no options, no errors told apart.
import PQueue from 'p-queue'
import { Pool } from 'undici'

export function open({ url, concurrency }) {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections: concurrency })
  const queue = new PQueue({ concurrency })
  const request = () =>
    new Promise((resolve, reject) => pool.dispatch({ path: pathname, method: 'GET' }, new Handler(resolve, reject)))
  return {
    submit: () => queue.add(request),
    close: () => pool.close(),
  }
}

class Handler {
  #resolve
  #reject
  #chunks = []

  constructor(resolve, reject) {
    this.#resolve = resolve
    this.#reject = reject
  }

  onRequestStart() {}
  onResponseStart() {}

  onResponseData(_controller, chunk) {
    this.#chunks.push(chunk)
  }

  onResponseEnd() {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks)
    this.#resolve(JSON.parse(bytes.toString()))
  }

  onResponseError(_controller, error) {
    this.#reject(error)
  }
}
