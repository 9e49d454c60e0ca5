/** Pure decisions: what becomes of tasks and jobs when a worker or a job is lost. */
import { times } from './times.ts'

export interface LostTask {
  readonly isIdempotent: boolean
  /** Its worker has written that it begins. */
  readonly hasBegun: boolean
  /** With how many workers it was lost, including this one. */
  readonly deliveries: number
}

/**
 * @param task its worker is lost, and it was revoked: it no longer begins there
 * @returns 'unknown': nobody knows whether it was done; 'deadly': too many workers have died with it
 */
export function afterLoss(task: LostTask, maxDeliveries: number): 'again' | 'unknown' | 'deadly' {
  if (task.hasBegun && !task.isIdempotent) return 'unknown'
  return task.deliveries >= maxDeliveries ? 'deadly' : 'again'
}

/** What Redis knows of a worker. */
export interface Sighting {
  /** Whether its connection is open. */
  readonly isConnected: boolean
  /** Whether its key, which it renews, has not expired. */
  readonly isAlive: boolean
}

/**
 * @param absences in how many looks in a row its connection was gone, including this one
 * @param calm ms since Redis was last down
 */
export function isLost({ isConnected, isAlive }: Sighting, absences: number, calm: number): boolean {
  if (calm < times.return) return false
  return !isAlive || (!isConnected && absences >= 2)
}

/** What Redis knows of a job that no worker has reported. */
export interface JobSighting {
  readonly exists: boolean
  /** The worker that holds its lock. */
  readonly owner: string | undefined
}

/**
 * @param misses in how many looks in a row it was not found, including this one
 * @param silence ms since it was first seen as taken
 * @returns 'dead': its worker has died before it could report it
 */
export function judgeJob(
  { exists, owner }: JobSighting,
  isOwnerLost: boolean,
  misses: number,
  silence: number,
): 'fine' | 'gone' | 'dead' | 'silent' {
  if (!exists) return misses >= 2 ? 'gone' : 'fine'
  if (owner === undefined) return 'fine'
  if (isOwnerLost) return 'dead'
  return silence > times.mostSilence ? 'silent' : 'fine'
}
