/** Those who ask for the responses of a fuzz, and read them at any speed. */
import type { FuturesSession, ResponseFuture } from '../../src/index.ts'
import { breaks, type Outcome, type Plan, type Reader } from './socket-fuzz.ts'

/** What they have to know of a plan. */
export type ReadPlan = Pick<Plan, 'method' | 'reader' | 'seed'>

/** What hangs is an error. */
export async function meet(session: FuturesSession, url: string, plan: ReadPlan): Promise<Outcome> {
  let alarm: NodeJS.Timeout | undefined
  const hung = new Promise<Outcome>((resolve) => {
    alarm = setTimeout(() => resolve({ body: Buffer.alloc(0), error: 'nothing for 20 s' }), 20_000)
  })
  const outcome = await Promise.race([hung, receive(session, url, plan)])
  clearTimeout(alarm)
  return outcome
}

async function receive(session: FuturesSession, url: string, plan: ReadPlan): Promise<Outcome> {
  const { method, reader } = plan
  const rest = breaks(plan.seed + 3)
  const future = session.request(method, url, method === 'POST' ? { data: 'x'.repeat(1000) } : {})
  const chunks: Uint8Array[] = []
  try {
    if (reader === 'cancels') void rest().then(() => future.cancel())
    return { ...(await read(future, reader, rest, chunks)), body: Buffer.concat(chunks) }
  } catch (error) {
    const { name } = error as Error
    return { body: Buffer.concat(chunks), error: name, isLeft: reader === 'cancels' && name === 'AbortError' }
  }
}

async function read(
  future: ResponseFuture,
  reader: Reader,
  rest: () => Promise<void>,
  chunks: Uint8Array[],
): Promise<{ isLeft?: boolean }> {
  const response = await future.result()
  if (reader === 'late') for (let index = 0; index < 5; index++) await rest()
  if (reader === 'closes') {
    await rest()
    await response.close()
    return { isLeft: true }
  }
  for await (const chunk of response.iterContent()) {
    chunks.push(chunk)
    if (reader === 'leaves' && chunks.length === 2) return { isLeft: true }
    if (reader === 'slow') await rest()
  }
  return {}
}
