import type { TaskContext } from '../../executor/executor.ts'
import { Board, told } from './board.ts'
import { BoardLine } from './board-line.ts'

// The tasks of the executor contract. The module is an entry of the build, so that any isolate can import it.

/**
 * What a task does when it is cancelled: it stops, stops and fails, or goes on until its gate opens, as work does that can't be
 * interrupted.
 */
export type Temper = 'cooperative' | 'failing' | 'stubborn'

/** How a task ends by itself. */
export type Manner = 'return' | 'resolve' | 'thenable' | 'throw' | 'reject' | 'failing thenable'

/** The board: its shared memory, or the path of a local socket. */
export type BoardPlace = SharedArrayBuffer | string

/** Reports its start, waits at its gate, reports its end. @returns its number */
export async function step(place: BoardPlace, task: number, temper: Temper, context: TaskContext): Promise<number> {
  const board = typeof place === 'string' ? BoardLine.open(place) : new Board(place)
  await board.begin(task)
  // Destructured: the parts of a context must work without it.
  const { onCancel } = context
  onCancel((reason) => hear(board, task, reason, context))
  const mustStop = (): boolean => temper !== 'stubborn' && (board.toldOf(task) & told.byCallback) > 0
  while (!board.isGateOpen(task) && !mustStop()) await pause()
  await board.end(task)
  if (temper === 'failing') throw new Error('This failure comes too late to be of interest')
  return task
}

function hear(board: Board | BoardLine, task: number, reason: unknown, context: TaskContext): void {
  board.tell(task, told.byCallback)
  if (reason === 'enough') board.tell(task, told.withReason)
  context.onCancel(() => board.tell(task, told.byLateCallback))
  // Callbacks and signal may come in any order; by the next turn both have.
  setTimeout(() => {
    const { signal } = context
    if (signal.aborted && (signal.reason as Error | undefined)?.name === 'AbortError') board.tell(task, told.bySignal)
  }, 1)
}

/** Ends a task in one of the ways. */
export function end(manner: Manner, outcome: unknown): unknown {
  switch (manner) {
    case 'return':
      return outcome
    case 'resolve':
      return pause().then(() => outcome)
    case 'thenable':
      return { then: (resolve: (value: unknown) => void) => resolve(outcome) }
    case 'throw':
      throw outcome
    case 'reject':
      return pause().then(() => Promise.reject(outcome))
    case 'failing thenable':
      return { then: (_resolve: unknown, reject: (error: unknown) => void) => reject(outcome) }
  }
}

/** @returns its arguments without the last, and whether that is a context */
export function describeArguments(...args: unknown[]): unknown[] {
  const context = args.pop() as Partial<TaskContext> | undefined
  return [...args, context?.signal instanceof AbortSignal && typeof context.onCancel === 'function']
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}
