// The picture of the README: CPU per request, ours beside its peers, as bars. Drawn by vega, without a canvas.
import { parse, View } from 'vega'

const names = {
  'raw-dispatch': 'undici dispatch',
  futures: 'undici-futures',
  'undici-request': 'undici.request',
  'undici-fetch': 'undici.fetch',
  axios: 'axios',
  got: 'got',
  ky: 'ky',
}
const ours = 'undici-futures'

/**
 * @param report as `--json` prints it
 * @returns the SVG, as a text
 */
export async function drawChart({ environment, scenarios }) {
  const { results } = scenarios['small-json']
  const values = Object.entries(names)
    .filter(([contender]) => contender in results)
    .map(([contender, name]) => ({ name, cpu: results[contender].cpu }))
  const view = new View(parse(specOf(values, environment)), { renderer: 'none' })
  return `${await view.toSVG()}\n`
}

/** Colours that can be read on white and on black. */
const text = '#808080'

function specOf(values, environment) {
  return {
    width: 520,
    height: 26 * values.length,
    padding: 10,
    title: {
      text: 'CPU per request: small JSON, 8 at a time, in microseconds (less is better)',
      subtitle: environment,
      anchor: 'start',
      ...{ font: 'sans-serif', fontSize: 14, color: text, subtitleFont: 'sans-serif', subtitleFontSize: 11 },
      ...{ subtitleColor: text, offset: 10, frame: 'bounds' },
    },
    data: [{ name: 'peers', values, transform: [{ type: 'collect', sort: { field: 'cpu' } }] }],
    scales: [
      { name: 'x', type: 'linear', domain: { data: 'peers', field: 'cpu' }, range: 'width', zero: true },
      { name: 'y', type: 'band', domain: { data: 'peers', field: 'name' }, range: 'height', padding: 0.25 },
    ],
    axes: [
      {
        ...{ orient: 'left', scale: 'y', domain: false, ticks: false, labelPadding: 8 },
        ...{ labelFont: 'sans-serif', labelFontSize: 13, labelColor: text },
      },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'peers' },
        encode: {
          enter: {
            x: { scale: 'x', value: 0 },
            x2: { scale: 'x', field: 'cpu' },
            y: { scale: 'y', field: 'name' },
            height: { scale: 'y', band: 1 },
            fill: [{ test: `datum.name === '${ours}'`, value: '#2f8f4e' }, { value: '#8fa3b5' }],
          },
        },
      },
      {
        type: 'text',
        from: { data: 'peers' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'cpu', offset: 6 },
            y: { scale: 'y', field: 'name', band: 0.5 },
            baseline: { value: 'middle' },
            text: { signal: "format(datum.cpu, '.1f')" },
            font: { value: 'sans-serif' },
            fontSize: { value: 13 },
            fill: { value: text },
          },
        },
      },
    ],
  }
}
