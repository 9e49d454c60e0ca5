// What the benchmark prints: a table of the values, and the bars with what was reached; or Markdown for the README.

export function formatScenario({ title, columns }, results, bars) {
  const titles = ['', ...Object.values(columns).map((column) => column.title)]
  const rows = Object.entries(results).map(([contender, result]) => [
    contender,
    // Not every contender has every one.
    ...Object.entries(columns).map(([column, { digits }]) =>
      Number.isFinite(result[column]) ? result[column].toFixed(digits) : '',
    ),
  ])
  const lines = [title, ...formatTable([titles, ...rows]), '']
  if (bars.length > 0) {
    const titles = ['', 'of the best', 'paired median', 'bar', '']
    lines.push(...formatTable([titles, ...bars.map((bar) => formatBar(bar, columns))]), '')
  }
  return lines.join('\n')
}

function formatBar({ of, to, column, atMost, atLeast, value, paired, isReached }, columns) {
  const subject = to === undefined ? `${of}: ${columns[column].title}` : `${of} / ${to}: ${columns[column].title}`
  const digits = value < 10 ? 2 : 0
  return [
    subject,
    value.toFixed(digits),
    paired.toFixed(digits),
    atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`,
    isReached ? 'ok' : 'MISSED',
  ]
}

function formatTable(rows) {
  const widths = rows[0].map((_, index) => Math.max(...rows.map((row) => row[index].length)))
  return rows.map((row) => {
    const cells = row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index]) : cell.padStart(widths[index])))
    return `  ${cells.join('   ')}`.trimEnd()
  })
}

/** Column titles of the README; whoever is not in it is not shown there. */
const names = {
  futures: 'undici-futures',
  'raw-dispatch': '`dispatch`',
  'undici-request': '`undici.request`',
  'undici-stream': '`undici.stream`',
  'undici-fetch': '`fetch`',
  got: 'got',
  axios: 'axios',
  ky: 'ky',
  'requests-futures': 'requests-futures',
  'requests-toolbelt': 'requests-toolbelt',
  aiohttp: 'aiohttp',
}

/** One table of the figures that scenarios hold out, and what they say in words. */
export function formatMarkdown({ environment, scenarios }) {
  const shown = Object.values(scenarios)
  const present = Object.keys(names).filter((name) => shown.some(({ figures, results }) => figures && results[name]))
  const rows = shown.flatMap(({ figures = {}, columns, results }) =>
    Object.entries(figures).map(([column, title]) => {
      const digits = columns[column].digits
      return [title, ...present.map((name) => results[name]?.[column].toFixed(digits) ?? '')]
    }),
  )
  const line = (cells) => `| ${cells.join(' | ')} |`
  const head = [line(['', ...present.map((name) => names[name])]), line(['---', ...present.map(() => '---:')])]
  const sentences = shown.flatMap(({ sentence }) => sentence ?? [])
  return [environment, '', ...head, ...rows.map(line), '', sentences.join(' '), ''].join('\n')
}
