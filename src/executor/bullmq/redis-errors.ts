/** Whether the error is a reply of Redis, and not a broken connection. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/**
 * Removes what ioredis notes in errors of the command that was sent: that includes the password of AUTH and arguments of
 * tasks, which must not reach logs.
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

/** Handles failures of commands that are sent again at the next connection, or are no longer needed. */
export function ignore(): void {
  // Ignored on purpose.
}
