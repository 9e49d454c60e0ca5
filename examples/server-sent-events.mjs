// Server-Sent Events over `iterLines`: parsed in ten lines, and taken up again after the last one that has come.
import { setTimeout as sleep } from 'node:timers/promises'
import { FuturesSession } from 'undici-futures'
import { startServer } from './server.mjs'

const session = new FuturesSession({ baseUrl: (await startServer()).url })

async function* eventsOf(response) {
  let event = { type: 'message', data: [] }
  for await (const line of response.iterLines()) {
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line)
    if (field === 'data') event.data.push(value)
    else if (field === 'event') event.type = value
    else if (field === 'id' || field === 'retry') event[field] = value
    if (line !== '') continue
    yield { ...event, data: event.data.join('\n') }
    event = { type: 'message', data: [] }
  }
}

async function* subscribe(path) {
  let [lastId, delay] = ['', 3_000]
  for (;;) {
    const timeout = { read: null } // between two events may lie hours
    const headers = { Accept: 'text/event-stream', ...(lastId !== '' && { 'Last-Event-ID': lastId }) }
    const response = await session.get(path, { stream: true, raiseForStatus: true, headers, timeout }).result()
    for await (const event of eventsOf(response)) {
      lastId = event.id ?? lastId
      delay = Number(event.retry ?? delay)
      if (event.data !== '') yield event
    }
    console.log(`ended after ${lastId}; again in ${delay} ms`)
    await sleep(delay)
  }
}

for await (const { type, data } of subscribe('events')) {
  console.log(type, JSON.parse(data).count)
  if (JSON.parse(data).count === 5) break // leaves the stream, which closes its connection
}
