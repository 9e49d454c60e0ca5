import { createRequire } from 'node:module'
import { loadPeers } from './load-peers.ts'

const { bullmq, ioredis } = loadPeers(createRequire(import.meta.url))

export const { Queue, Worker } = bullmq
export const { Redis } = ioredis
