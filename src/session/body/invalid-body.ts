import { className, hush } from '../../checks.ts'
import { InvalidOptionError } from '../../errors.ts'

/**
 * The error for a body that can't be sent. It tells the kind of the offending value, never the value: bodies hold secrets.
 * A promise among them (an `async` function as `data`) may still reject: this error is enough.
 */
export function invalidBody(option: string, expected: string, value: unknown): InvalidOptionError {
  hush(value)
  return new InvalidOptionError(`Expected \`${option}\` to be ${expected}, got ${kindOf(value)}`, { option })
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? `an object (${className(value)})` : `a ${typeof value}`
}
