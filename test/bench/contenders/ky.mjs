import ky from 'ky'
import PQueue from 'p-queue'
import { countBytes } from '../count-bytes.mjs'

export function open({ url, concurrency }) {
  const queue = new PQueue({ concurrency })
  return {
    submit: () => queue.add(() => ky(url).json()),
    read: async () => countBytes((await ky(url)).body),
    close() {},
  }
}
