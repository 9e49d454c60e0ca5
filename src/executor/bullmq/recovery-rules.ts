/** What becomes of tasks when something is lost: decisions without deeds. */
import { times } from './times.ts'

export interface LostTask {
  readonly isIdempotent: boolean
  /** Its worker has said so, before it was called. */
  readonly hasBegun: boolean
  /** How many workers it was lost with, this one included. */
  readonly deliveries: number
}

/**
 * @param task whose worker is lost, and which was taken away from it: it does not begin there any more
 * @returns 'unknown': nobody knows whether it was done; 'deadly': too many workers have died with it
 */
export function afterLoss(task: LostTask, maxDeliveries: number): 'again' | 'unknown' | 'deadly' {
  if (task.hasBegun && !task.isIdempotent) return 'unknown'
  return task.deliveries >= maxDeliveries ? 'deadly' : 'again'
}

/** What Redis knows of a worker. */
export interface Sighting {
  /** Its connection is there. */
  readonly isConnected: boolean
  /** It has said that it lives, not too long ago. */
  readonly isAlive: boolean
}

/**
 * @param absences how many looks in a row have found its connection gone, this one included
 * @param calm ms since Redis was last away
 */
export function isLost({ isConnected, isAlive }: Sighting, absences: number, calm: number): boolean {
  if (calm < times.return) return false
  return !isAlive || (!isConnected && absences >= 2)
}

/** What Redis knows of a job that no worker has spoken of. */
export interface JobSighting {
  readonly exists: boolean
  /** Who has taken it. */
  readonly owner: string | undefined
}

/**
 * @param misses how many looks in a row have not found it, this one included
 * @param silence ms since it was first seen to be taken
 * @returns 'dead': its worker has died before it could say that it has it
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
