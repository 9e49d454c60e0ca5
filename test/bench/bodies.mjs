// What the servers of the benchmark answer.

export const smallJson = JSON.stringify({
  id: 7,
  name: 'a small body',
  tags: ['one', 'two', 'three'],
  nested: { ok: true, count: 42 },
})

/** 64 bytes. */
export const tinyJson = JSON.stringify({ id: 7, text: 'x'.repeat(46) })

/** Rows, of about so many bytes. */
export function jsonOfSize(size) {
  const rows = []
  for (let length = 0, id = 0; length < size; id++) {
    rows.push({ id, name: `row ${id}`, tags: ['one', 'two', 'three'], nested: { ok: true, score: id / 7 } })
    length += JSON.stringify(rows.at(-1)).length + 1
  }
  return Buffer.from(JSON.stringify(rows))
}

/** Bytes of the body that is streamed. */
export const streamSize = 64 * 2 ** 20
