import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A program that others wrote, at work on 127.0.0.1 until it is closed. */
export interface Peer {
  readonly port: number
  close(): Promise<void>
}

export interface StartedProgram {
  readonly child: ChildProcess
  /** What it has printed on both streams so far. */
  output(): string
  /** Waits for a match in what it prints. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  stop(): Promise<void>
}

/**
 * Starts a program in the foreground.
 *
 * @throws as a rejection: it is not installed, or ends before it says it is ready
 */
export async function startProgram(command: string, args: readonly string[]): Promise<StartedProgram> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (text: string): void => void (output += text)
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  await once(child, 'spawn').catch((error: unknown) => {
    throw new Error(`${command} does not start: is it installed? .ci/run does that`, { cause: error })
  })
  return {
    child,
    output: () => output,
    async printed(pattern) {
      for (;;) {
        const match = pattern.exec(output)
        if (match !== null) return match
        if (child.exitCode !== null) throw new Error(`${command} has ended:\n${output}`)
        await pause()
      }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 3_000)
      await once(child, 'exit')
      clearTimeout(timer)
    },
  }
}

/** Starts a program that listens on a port which it has been told, and waits until it does. */
export async function startListener(command: string, args: readonly string[], port: number): Promise<StartedProgram> {
  const program = await startProgram(command, args)
  while (!(await isListening(port))) {
    if (program.child.exitCode !== null) throw new Error(`${command} has ended:\n${program.output()}`)
    await pause()
  }
  return program
}

/** A port that was free just now, for programs that can't choose one themselves. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A folder for a program's configuration and logs. */
export async function openFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undici-futures-real-'))
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
