/** All in ms. In one place, so that tests can have others. */
export const times = {
  /** The longest pause between two attempts to connect. */
  longestPause: 1000,
  /** What Redis refuses to do, because it is full or loading, is tried again. */
  retry: 1000,

  /** Between two looks of a submitter at workers and jobs. */
  look: 1000,
  /** A job may lie in the queue until it is looked for. */
  patience: 1000,
  /** A worker may have a job and say nothing. */
  mostSilence: 5000,
  /** After Redis has come back nobody is given up: workers connect when they can. */
  return: 5000,
  /** Tasks that Redis has forgotten are asked for, and then given up: workers have to come back first. */
  askAfter: 1500,
  giveUpAfter: 6000,

  /** Between two looks of a worker for submitters that are gone: missing in two looks in a row, they are. */
  sweep: 5000,
  /** What can't be said is said again for so long: Redis may have lost its memory, and the submitter comes back. */
  repeat: 5000,
  repeatPause: 250,
  /** Work that was cancelled because the worker closes may take so long to stop. */
  grace: 1000,

  /** What a submitter takes out of Redis when it closes may take so long. */
  farewell: 3000,

  /** Redis may let a read wait. */
  longestBlock: 5000,
  /** After a read, or a look for a job, that failed. */
  pause: 100,
}
