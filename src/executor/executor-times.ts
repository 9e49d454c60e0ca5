/** All times of the room, in ms. One object, so that tests can shorten them. */
export const executorTimes = {
  /** How long a task may take to stop after it has heard of its cancellation; then its thread is terminated. */
  grace: 1000,
  /** The pause after a thread start that failed: doubled with each further failure, up to the longest. */
  firstPause: 100,
  longestPause: 1600,
  /** How often HeldWorkers looks at the workers. */
  heldInterval: 250,
}
