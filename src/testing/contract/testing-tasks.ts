import type { TaskContext } from '../../executor/executor.ts'
import { Board, told } from './board.ts'
import { BoardLine } from './board-line.ts'

// The tasks of the executor contract: a module of its own, and an entry of the build, so that any isolate can import it.

/**
 * How a task takes its cancellation: it stops; it stops and fails; or it goes on until its gate opens, as work does that
 * nobody can interrupt.
 */
export type Temper = 'cooperative' | 'failing' | 'stubborn'

/** How a task ends by itself. */
export type Manner = 'return' | 'resolve' | 'thenable' | 'throw' | 'reject' | 'failing thenable'

/** Where the board is: in memory that is shared, or behind a local socket. */
export type BoardPlace = SharedArrayBuffer | string

/** Notes its start, waits at its gate, notes its end. @returns its number */
export async function step(place: BoardPlace, task: number, temper: Temper, context: TaskContext): Promise<number> {
  const board = typeof place === 'string' ? BoardLine.open(place) : new Board(place)
  await board.begin(task)
  // Taken out: what a context has works without it.
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
  // Whether callbacks or signal come first is nobody's business: by the next turn both have come.
  setTimeout(() => {
    const { signal } = context
    if (signal.aborted && (signal.reason as Error | undefined)?.name === 'AbortError') board.tell(task, told.bySignal)
  }, 1)
}

/** In which of the ways there are a task ends. */
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

/** @returns its arguments but the last, and whether that is a context */
export function describeArguments(...args: unknown[]): unknown[] {
  const context = args.pop() as Partial<TaskContext> | undefined
  return [...args, context?.signal instanceof AbortSignal && typeof context.onCancel === 'function']
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}
