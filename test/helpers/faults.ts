/**
 * Every fault that a server or a proxy can make, by name, with what a request that meets it comes to: `faults`, for
 * tests to iterate over. `startFaultSite(faults)` starts what they need, and says how to meet each.
 */
import { encodingFaults } from './faults/encoding-faults.ts'
import type { Fault } from './faults/fault.ts'
import { httpProxyFaults } from './faults/proxy-faults.ts'
import { responseFaults, serverFaults } from './faults/response-faults.ts'
import { socksFaults } from './faults/socks-faults.ts'
import { tlsFaults } from './faults/tls-faults.ts'

export { isRetried, type ErrorName, type Expected, type Fault } from './faults/fault.ts'
export { startFaultSite, type FaultSite, type Meeting } from './faults/fault-site.ts'

export const faults: readonly Fault[] = [
  ...responseFaults,
  ...serverFaults,
  ...encodingFaults,
  ...tlsFaults,
  ...httpProxyFaults,
  ...socksFaults,
]
