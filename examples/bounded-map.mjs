// More requests than fit in memory: `map` pulls its input only as fast as answers are taken. The generator below never
// ends; leaving the loop cancels what is under way and ends the generator.
import { SingleBar } from 'cli-progress'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const { url } = await startServer()
const session = new FuturesSession({ maxWorkers: 8 })
const bar = new SingleBar({ format: '[{bar}] {value}/{total} taken', noTTYOutput: true, stream: process.stdout })

let made = 0
let isEnded = false
function* requests() {
  try {
    for (;;) yield { url: `${url}/users/${made++}` }
  } finally {
    isEnded = true
  }
}

bar.start(500, 0)
for await (const future of session.map(requests())) {
  await future.json()
  bar.increment()
  if (bar.value === 500) break
}
bar.stop()
console.log('the generator was ended:', isEnded)
console.log('requests made beyond those taken, at most 16:', made - 500 <= 16)
