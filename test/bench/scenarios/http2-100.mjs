// The same, a hundred at a time, and how many sockets that takes.
import * as eight from './http2-8.mjs'

export const title = 'Small JSON over HTTP/2, 100 at a time'
export const { contenders, rounds } = eight
export const columns = { ...eight.columns, sockets: { title: 'sockets', best: 'max', digits: 0 } }

export async function measure(options) {
  let sockets = 0
  const open = async (openOptions) => {
    const client = await options.open(openOptions)
    const count = () => {
      sockets = Math.max(sockets, process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length)
    }
    // In the middle of each batch.
    let submitted = 0
    const submit = () => {
      const answer = client.submit()
      if (++submitted % 1_000 === 500) void answer.then(count)
      return answer
    }
    return { ...client, submit }
  }
  return { ...(await eight.measure({ ...options, open }, 100)), sockets }
}
