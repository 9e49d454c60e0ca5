import ky from 'ky'
import PQueue from 'p-queue'

export function open({ url, concurrency }) {
  const queue = new PQueue({ concurrency })
  return {
    submit: () => queue.add(() => ky(url).json()),
    close() {},
  }
}
