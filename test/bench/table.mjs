// What the benchmark prints: a table of the values, and the bars with what was reached.

export function formatScenario({ title, columns }, results, bars) {
  const titles = ['', ...Object.values(columns).map((column) => column.title)]
  const rows = Object.entries(results).map(([contender, result]) => [
    contender,
    ...Object.entries(columns).map(([column, { digits }]) => result[column].toFixed(digits)),
  ])
  return [
    title,
    ...formatTable([titles, ...rows]),
    '',
    ...formatTable(bars.map((bar) => formatBar(bar, columns))),
    '',
  ].join('\n')
}

function formatBar({ of, to, column, atMost, value }, columns) {
  const subject = to === undefined ? `${of}: ${columns[column].title}` : `${of} / ${to}: ${columns[column].title}`
  const digits = value < 10 ? 2 : 0
  return [subject, value.toFixed(digits), `at most ${atMost}`, value <= atMost ? 'ok' : 'MISSED']
}

function formatTable(rows) {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index].length)))
  return rows.map((row) => {
    const cells = row.map((cell, index) => (index === 0 ? cell.padEnd(widths[index]) : cell.padStart(widths[index])))
    return `  ${cells.join('   ')}`.trimEnd()
  })
}
