// Ours on a fleet, with a secret.
import { open as openFleet } from './fleet.mjs'

export const open = (options) => openFleet({ ...options, secret: 'of the benchmark' })
