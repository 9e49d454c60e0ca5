import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PeerWatch } from '../../../src/transport/http2/http2-connection.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function open(address: string | undefined) {
  const socket = { remoteAddress: address, destroyed: false, destroy: vi.fn() }
  return { socket, watch: new PeerWatch(socket as unknown as Socket) }
}

describe('PeerWatch', () => {
  it('ends a socket whose peer is gone, and looks on until then', () => {
    const { socket, watch } = open('127.0.0.1')
    watch.start(() => true)
    watch.start(() => true)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(3000)
    expect(socket.destroy).not.toHaveBeenCalled()
    socket.remoteAddress = undefined
    vi.advanceTimersByTime(1000)
    expect(socket.destroy).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'ECONNRESET' }))
    expect(vi.getTimerCount()).toBe(0)
  })

  it('looks at none that is idle, or never had an address', () => {
    const idle = open('127.0.0.1')
    idle.watch.start(() => false)
    idle.socket.remoteAddress = undefined
    vi.advanceTimersByTime(2000)
    expect(idle.socket.destroy).not.toHaveBeenCalled()
    open(undefined).watch.start(() => true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('can be stopped', () => {
    const { socket, watch } = open('127.0.0.1')
    watch.start(() => true)
    socket.remoteAddress = undefined
    watch.stop()
    vi.advanceTimersByTime(2000)
    expect(socket.destroy).not.toHaveBeenCalled()
  })
})
