import type * as Http2 from 'node:http2'

let loaded: typeof Http2 | undefined

/** `node:http2` takes 20 ms to load: it is loaded when it is needed, at once, and in a way that leaves nothing to bundlers. */
export function http2Module(): typeof Http2 {
  return (loaded ??= process.getBuiltinModule('node:http2'))
}
