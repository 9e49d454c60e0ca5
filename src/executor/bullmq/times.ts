/** All times of the room, in ms. One object, so that tests can shorten them. */
export const times = {
  /** The longest pause between two attempts to connect. */
  longestPause: 1000,
  /** The pause before a command is tried again that Redis refused because it is full or loading. */
  retry: 1000,

  /** How often a submitter looks at workers and jobs. */
  look: 1000,
  /** How old a job in the queue is when it is looked for. */
  patience: 1000,
  /** How long a worker may have a job without reporting it. */
  mostSilence: 5000,
  /** How long workers may take to connect after Redis has come back. */
  return: 5000,
  /** When tasks that Redis has lost are asked for, and when they are given up: workers must connect first. */
  askAfter: 1500,
  giveUpAfter: 6000,

  /** How often a worker looks for its submitters: one missing in two looks in a row is gone. */
  sweep: 5000,
  /** How long a worker writes to a missing submitter, and how often: Redis may have lost its data, and the submitter comes back. */
  repeat: 5000,
  repeatPause: 250,
  /** How long tasks may take to stop that were cancelled because the worker closes. */
  grace: 1000,

  /** How long a submitter that closes may take to remove its keys from Redis. */
  farewell: 3000,

  /** How long Redis may block a read. */
  longestBlock: 5000,
  /** The pause after a read, or a look for a job, that failed. */
  pause: 100,
}
