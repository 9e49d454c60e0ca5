import { expect, test } from 'vitest'
import { ChunkedEncodingError, Session } from '../../src/index.ts'
import { startServer } from '../helpers/server.ts'

test.each([true, false])(
  'a body that ends early says how many bytes are missing, if its length is known (stream: %s)',
  async (stream) => {
    const server = await startServer((request, response) => {
      if (request.url === '/known') response.setHeader('content-length', '5000')
      response.write('x'.repeat(1000), () => setImmediate(() => response.destroy()))
    })
    await using session = new Session({ stream })
    const failure = async (path: string): Promise<Error> => {
      const reading = session.get(server.url + path).then((response) => response.read())
      return (await reading.catch((error: unknown) => error)) as Error
    }
    const known = await failure('/known')
    expect(known).toBeInstanceOf(ChunkedEncodingError)
    expect(known.message).toMatch(/, 4000 of 5000 bytes are missing$/)
    const unknown = await failure('/chunked')
    expect(unknown).toBeInstanceOf(ChunkedEncodingError)
    expect(unknown.message).not.toContain('missing')
    await server.close()
  },
)
