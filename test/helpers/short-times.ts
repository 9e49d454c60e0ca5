import type { times } from '../../src/executor/bullmq/times.ts'

/** The fleet's own times, for tests of one process: `vi.mock('…/times.ts', () => import('…/short-times.ts'))`. */
const short: Record<keyof typeof times, number> = {
  longestPause: 50,
  retry: 30,
  look: 30,
  patience: 30,
  mostSilence: 150,
  return: 150,
  askAfter: 40,
  giveUpAfter: 2500,
  sweep: 30,
  repeat: 1000,
  repeatPause: 10,
  grace: 50,
  farewell: 300,
  longestBlock: 200,
  pause: 10,
}

export { short as times }
