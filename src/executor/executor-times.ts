/** All in ms. In one place, so that tests can have others. */
export const executorTimes = {
  /** From hearing of its cancellation, a task may take so long to stop before its thread is terminated. */
  grace: 1000,
  /** Between two starts of threads that fail: at first, then twice as long each time, and at most. */
  firstPause: 100,
  longestPause: 1600,
  /** Between two looks at workers that code of users holds. */
  heldInterval: 250,
}
