// A hundred requests at once on a fresh session: one handshake beside a hundred.
import { cpuUsage } from 'node:process'

export const title = 'A burst of 100 on a fresh session, over TLS'
export const contenders = ['futures-http2', 'futures-tls', 'got-http2']
export const rounds = { full: 5, quick: 2 }

export async function measure({ open, secureUrl, ca, isQuick }) {
  const burst = async () => {
    const client = await open({ url: `${secureUrl}64.json`, ca, concurrency: 100 })
    const cpu = cpuUsage()
    const begin = performance.now()
    const answers = await Promise.all(Array.from({ length: 100 }, client.submit))
    const time = performance.now() - begin
    const { user, system } = cpuUsage(cpu)
    if (answers.some(({ id }) => id !== 7)) throw new Error('not the answer')
    await client.close()
    return { cpu: (user + system) / 1_000, time }
  }
  for (let warm = 0; warm < 5; warm++) await burst()
  const bursts = []
  for (let turn = 0; turn < (isQuick ? 5 : 20); turn++) bursts.push(await burst())
  return {
    cpu: Math.min(...bursts.map(({ cpu }) => cpu)),
    time: Math.min(...bursts.map(({ time }) => time)),
  }
}

export const columns = {
  cpu: { title: 'CPU ms', best: 'min', digits: 1 },
  time: { title: 'ms', best: 'min', digits: 1 },
}
