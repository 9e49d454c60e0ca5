import { describe, expect, test } from 'vitest'
import { FuturesSession, JSONDecodeError } from '../../src/index.ts'

/** The future of a session whose responses look like this. */
function answered(response: object) {
  const session = new FuturesSession({ unobserved: 'ignore', session: { request: async () => response } })
  return session.get('http://a.test/')
}

const text = (content: string) => ({ text: async () => content })

describe('ResponseFuture of a response that is not ours', () => {
  test('reads with what it has', async () => {
    const response = { json: () => ({ a: 1 }), ...text('text'), bytes: () => new Uint8Array([1]) }
    expect(await answered(response).json()).toEqual({ a: 1 })
    expect(await answered(response).text()).toBe('text')
    expect(await answered(response).bytes()).toEqual(new Uint8Array([1]))
  })

  test('json() parses the text where there is no more', async () => {
    expect(await answered(text('{"a":1}')).json()).toEqual({ a: 1 })
    const error: unknown = await answered(text('{'))
      .json()
      .catch((each: unknown) => each)
    expect(error).toBeInstanceOf(JSONDecodeError)
    expect(error).toMatchObject({ request: { url: 'http://a.test/' }, cause: expect.any(SyntaxError) })
  })

  test('bytes() takes an arrayBuffer()', async () => {
    const bytes = await answered({ arrayBuffer: async () => new Uint8Array([1, 2]).buffer }).bytes()
    expect(bytes).toEqual(new Uint8Array([1, 2]))
  })

  test('says what is missing', async () => {
    await expect(answered({}).json()).rejects.toThrow(
      new TypeError('Could not read the body: the response has no `text()`'),
    )
    await expect(answered({}).text()).rejects.toThrow('no `text()`')
    await expect(answered({}).bytes()).rejects.toThrow('neither `bytes()` nor `arrayBuffer()`')
  })
})

test('FuturesSession around a FuturesSession is a TypeError', () => {
  const session = new FuturesSession()
  expect(() => new FuturesSession({ session: session as never })).toThrow(/wrap its own `session`/)
})

test('FuturesSession.addListener() is on(), and refuses what is no function', async () => {
  const session = new FuturesSession({ unobserved: 'ignore', session: { request: async () => 'response' } })
  let calls = 0
  expect(session.addListener('response', () => calls++)).toBe(session)
  await session.get('http://a.test/').result()
  expect(calls).toBe(1)
  expect(() => session.on('response', 'listener' as never)).toThrow(TypeError)
})
