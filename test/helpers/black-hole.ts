import net from 'node:net'
import { Worker } from 'node:worker_threads'

/** A port that answers no SYN: its queue is full, and nobody accepts. */
export interface BlackHole {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const listener = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    // The message is on its way; from here on this thread does nothing any more.
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
  })`

export async function openBlackHole(): Promise<BlackHole> {
  const worker = new Worker(listener, { eval: true })
  const port = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const fillers: net.Socket[] = []
  // Each one takes a place in the queue; the first that finds none stays without an answer.
  for (let isAnswered = true; isAnswered;) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {})
    fillers.push(socket)
    isAnswered = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), 100)
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      for (const socket of fillers) socket.destroy()
      await worker.terminate()
    },
  }
}
