// A process that loads a package and asks once: `start.mjs <contender> <url> <when it was started>`. For the scenario start-up.
const [contender, url, spawnedAt] = process.argv.slice(2)
const packages = { futures: 'undici-futures', 'undici-request': 'undici', 'undici-fetch': 'undici' }

const residentMiB = () => process.memoryUsage.rss() / 2 ** 20

const before = residentMiB()
const begin = performance.now()
await import(packages[contender] ?? contender)
const load = performance.now() - begin
const memory = residentMiB() - before

const { open } = await import(`./contenders/${contender}.mjs`)
const client = open({ url, concurrency: 8 })
if ((await client.submit()).id !== 7) throw new Error('not the answer')
const first = performance.timeOrigin + performance.now() - spawnedAt
process.send({ load, memory, first }, () => process.exit())
