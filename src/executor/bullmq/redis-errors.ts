/** What Redis itself has answered, as opposed to a connection that broke. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/**
 * ioredis notes in errors what it has sent, the password of AUTH and the arguments of tasks included: not for logs.
 *
 * @returns the same error
 */
export function hideArguments<T>(error: T): T {
  if (!(error instanceof Error)) return error
  const { command, previousErrors } = error as { command?: { name?: unknown }; previousErrors?: unknown }
  if (typeof command === 'object') Object.assign(error, { command: { name: command.name } })
  if (Array.isArray(previousErrors)) previousErrors.forEach(hideArguments)
  return error
}

/** For what may fail: it is done again when the connection is back, or is of no use any more. */
export function ignore(): void {
  // Nobody wants to know.
}
