/**
 * Sessions that end together with streams whose header was refused half-way, while the collector runs all the time: Node's own
 * code takes it ill if the session goes first. Prints how many requests there were.
 */
import { answering, Http2Site, outcomeOf } from '../../helpers/h2/site.ts'
import { codes, data, goaway, headers, response } from '../../helpers/h2/frames.ts'

const last = { isLast: true }
const twoStatuses: [string, string][] = [
  [':status', '200'],
  [':status', '200'],
]
const shapes: ((id: number) => Uint8Array[])[] = [
  // Trailers of a body that is too short are not handed out.
  (id) => [response(id, 200, [['content-length', '10']]), data(id, 'half'), headers(id, [['a', 'b']], last)],
  (id) => [headers(id, twoStatuses, last)],
  (id) => [response(id, 200), headers(id, twoStatuses), goaway(id, codes.protocolError)],
  (id) => [response(id, 200, [['connection', 'close']], last)],
]

const rounds = Number(process.argv[2])
let collections = 0
setInterval(() => void gc!({ type: collections++ % 3 === 0 ? 'major' : 'minor', execution: 'async' }), 2).unref()

let requests = 0
for (let round = 0; round < rounds; round++) {
  for (const shape of shapes) {
    const site = new Http2Site()
    const server = await site.frames(answering((id) => Buffer.concat(shape(id))))
    const session = site.session()
    for (const stream of [false, true]) await outcomeOf(session.get(server.url, { stream }))
    await site.close()
    requests += 2
  }
}
console.log(requests)
