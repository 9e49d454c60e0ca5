/** Names of one word that are headers, and not likely to be asked of anything else. */
const commonNames = new Set(
  ['accept', 'age', 'allow', 'authorization', 'connection', 'cookie', 'date', 'etag', 'expires', 'host', 'link'].concat(
    [
      'location',
      'origin',
      'pragma',
      'range',
      'referer',
      'server',
      'te',
      'trailer',
      'upgrade',
      'vary',
      'via',
      'warning',
    ],
  ),
)

/**
 * Tells whoever takes headers for an object what they are: what a class inherits from this, `headers['x']` is a TypeError
 * with a hint instead of a silent `undefined`. Only names that look like a header: much asks objects for `then`, `toJSON` and
 * the like, whatever a server may have sent by that name.
 *
 * @param isHeaders whether this is an instance
 */
export function hintingPrototype(isHeaders: (value: unknown) => boolean): object {
  return new Proxy(
    {},
    {
      get(target, name, receiver: unknown) {
        if (typeof name === 'string' && looksLikeHeader(name) && isHeaders(receiver)) {
          throw misuse(name, `headers.get('${name}')`)
        }
        return Reflect.get(target, name, receiver) as unknown
      },
      set(target, name, value, receiver) {
        if (typeof name === 'symbol' || name in target) return Reflect.set(target, name, value, receiver)
        throw misuse(name, `headers.set('${name}', value)`)
      },
    },
  )
}

/** With a dash or a capital in front, a single letter, or one of those above. */
function looksLikeHeader(name: string): boolean {
  return /^[A-Z]|^[^\s-]+-|^[a-z]$/.test(name) || commonNames.has(name)
}

function misuse(name: string, hint: string): TypeError {
  return new TypeError(`Headers have no properties, such as \`${name.slice(0, 80)}\`: use \`${hint.slice(0, 100)}\``)
}
