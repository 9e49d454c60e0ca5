/** Reads a body to its end. */
export async function countBytes(chunks) {
  let bytes = 0
  for await (const chunk of chunks) bytes += chunk.length
  return bytes
}
