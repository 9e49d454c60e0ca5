// `undici.stream`: the body is written to a stream that the caller makes.
import { Writable } from 'node:stream'
import { Agent, stream } from 'undici'

export function open({ url }) {
  const dispatcher = new Agent()
  return {
    async read() {
      let bytes = 0
      await stream(url, { dispatcher }, () => {
        return new Writable({ write: (chunk, _encoding, done) => ((bytes += chunk.length), done()) })
      })
      return bytes
    },
    close: () => dispatcher.close(),
  }
}
