import { createRequire } from 'node:module'
import type * as BullMQ from 'bullmq'
import type * as IORedis from 'ioredis'

interface Peers {
  readonly bullmq: typeof BullMQ
  readonly ioredis: typeof IORedis
}

const peers = ['bullmq', 'ioredis']

/**
 * bullmq and ioredis are optional peers: if one is missing, importing this entry throws an error that names both. They are
 * loaded by `require()`: a dynamic import would need a top-level await, and then the entry could not be required.
 */
export function loadPeers(require: NodeJS.Require): Peers {
  try {
    return { bullmq: require('bullmq') as typeof BullMQ, ioredis: require('ioredis') as typeof IORedis }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    const isMissing = code === 'MODULE_NOT_FOUND' && peers.some((name) => String(message).includes(`'${name}'`))
    if (!isMissing) throw error
    throw new Error(
      "Can't load `undici-futures/bullmq`: it needs the packages `bullmq` and `ioredis`, which are not both installed " +
        '(npm install bullmq ioredis)',
      { cause: error },
    )
  }
}

const { bullmq, ioredis } = loadPeers(createRequire(import.meta.url))

export const { Queue, Worker } = bullmq
export const { Redis } = ioredis
