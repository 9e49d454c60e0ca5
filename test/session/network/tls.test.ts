import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptionError, SSLError } from '../../../src/errors.ts'
import { resolveTls } from '../../../src/session/network/tls.ts'

let folder: string
const at = (name: string): string => join(folder, name)
const text = (name: string): Promise<string> => readFile(at(name), 'utf8')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'))
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  for (const name of ['one', 'two']) {
    openssl(
      'req',
      '-x509',
      ...curve,
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-days',
      '10',
      '-subj',
      `/CN=${name}`,
    )
  }
  openssl('ec', '-in', 'one.key', '-aes128', '-passout', 'pass:sesame', '-out', 'locked.key')
  await writeFile(at('both.pem'), (await text('one.crt')) + (await text('one.key')))
  await writeFile(at('garbage.crt'), '-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n')
  await writeFile(at('text'), 'hello')
  await mkdir(at('authorities/nested'), { recursive: true })
  await writeFile(at('authorities/one.crt'), await text('one.crt'))
  await writeFile(at('authorities/two.crt'), await text('two.crt'))
  await writeFile(at('authorities/README'), 'hello')
  await symlink('one.crt', at('authorities/hash.0'))
  await symlink('missing', at('authorities/broken'))
  await mkdir(at('empty'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('resolveTls(), verify', () => {
  it("Node's defaults are no identity", () => {
    expect(resolveTls(undefined, undefined)).toBeUndefined()
    expect(resolveTls(true, undefined)).toBeUndefined()
    expect(resolveTls(null, null)).toBeUndefined()
  })

  it('false verifies nothing', () => {
    expect(resolveTls(false, undefined)).toMatchObject({ rejectUnauthorized: false })
    expect(resolveTls(false, undefined)).not.toHaveProperty('ca')
  })

  it('a path, PEM, bytes and an array of them are authorities', async () => {
    const [one, two] = [await text('one.crt'), await text('two.crt')]

    expect(resolveTls(at('one.crt'), undefined)).toMatchObject({ rejectUnauthorized: true, ca: [one] })
    expect(resolveTls(one, undefined)).toBe(resolveTls(at('one.crt'), undefined))
    expect(resolveTls(Buffer.from(one) as unknown as string, undefined)).toBe(resolveTls(one, undefined))
    expect(resolveTls([one, at('two.crt')], undefined)).toMatchObject({ ca: [one, two] })
  })

  it('of a directory every file with a certificate counts, once', async () => {
    const identity = resolveTls(at('authorities'), undefined)

    expect(identity?.ca).toHaveLength(1)
    expect(identity?.ca?.[0]?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(identity?.ca?.[0]).toContain((await text('two.crt')).trim())
  })

  it('different authorities have different ids', () => {
    const identities = [
      resolveTls(false, undefined),
      resolveTls(at('one.crt'), undefined),
      resolveTls(at('two.crt'), undefined),
      resolveTls([at('one.crt'), at('two.crt')], undefined),
    ]

    expect(new Set(identities.map((identity) => identity?.id)).size).toBe(4)
  })

  it('a file is read again when it has changed', async () => {
    await writeFile(at('changing.crt'), await text('one.crt'))
    await utimes(at('changing.crt'), 1, 1)
    const before = resolveTls(at('changing.crt'), undefined)
    expect(resolveTls(at('changing.crt'), undefined)).toBe(before)
    await writeFile(at('changing.crt'), await text('two.crt'))

    expect(resolveTls(at('changing.crt'), undefined)).toBe(resolveTls(at('two.crt'), undefined))
  })

  it.each([
    ['missing.crt', 'no such file'],
    ['text', 'no certificate in it'],
    ['garbage.crt', 'no certificate in it'],
    ['one.key', 'no certificate in it'],
    ['empty', 'no certificate in it'],
  ])('%s is an SSLError that names path and reason', (name, reason) => {
    expect(() => resolveTls(at(name), undefined)).toThrow(SSLError)
    expect(() => resolveTls(at(name), undefined)).toThrow(new RegExp(`\`verify\` from \`${at(name)}\`: ${reason}`))
    expect(() => resolveTls([at('one.crt'), at(name)], undefined)).toThrow(SSLError)
  })

  it('PEM that is none is an SSLError', async () => {
    expect(() => resolveTls('-----BEGIN CERTIFICATE-----\nx', undefined)).toThrow(
      /^Could not read `verify` from the given PEM: no certificate in it$/,
    )
  })

  it.each([[''], [5], [{}], [[]], [[5]], [['']], [Symbol('s')]])('another value is an InvalidOptionError', (verify) => {
    expect(() => resolveTls(verify as string, undefined)).toThrow(InvalidOptionError)
    expect(() => resolveTls(verify as string, undefined)).toThrow(/`verify`/)
  })

  it('the environment names authorities where verify is true', () => {
    const environment = { REQUESTS_CA_BUNDLE: at('one.crt'), CURL_CA_BUNDLE: at('two.crt') }
    const [one, two] = [resolveTls(at('one.crt'), undefined), resolveTls(at('two.crt'), undefined)]

    expect(resolveTls(undefined, undefined, environment)).toBe(one)
    expect(resolveTls(true, undefined, environment)).toBe(one)
    expect(resolveTls(true, undefined, { ...environment, REQUESTS_CA_BUNDLE: '' })).toBe(two)
    expect(resolveTls(at('two.crt'), undefined, environment)).toBe(two)
    expect(resolveTls(false, undefined, environment)).toMatchObject({ rejectUnauthorized: false })
    expect(resolveTls(true, undefined, {})).toBeUndefined()
    expect(() => resolveTls(true, undefined, { CURL_CA_BUNDLE: at('missing') })).toThrow(
      /`CURL_CA_BUNDLE` from `.*missing`: no such file/,
    )
  })
})

describe('resolveTls(), cert', () => {
  it('a path or PEM with both, a pair and an object say the same', async () => {
    const [cert, key, both] = [await text('one.crt'), await text('one.key'), await text('both.pem')]

    expect(resolveTls(true, at('both.pem'))).toMatchObject({ rejectUnauthorized: true, cert: both })
    expect(resolveTls(true, both)).toBe(resolveTls(true, at('both.pem')))
    expect(resolveTls(true, [at('one.crt'), at('one.key')])).toMatchObject({ cert, key })
    expect(resolveTls(true, [cert, key])).toBe(resolveTls(true, { cert: at('one.crt'), key: at('one.key') }))
    expect(resolveTls(true, { cert: at('both.pem') })).toBe(resolveTls(true, at('both.pem')))
    expect(resolveTls(true, at('both.pem'))).not.toHaveProperty('key')
  })

  it('a locked key takes its passphrase', () => {
    const identity = resolveTls(false, { cert: at('one.crt'), key: at('locked.key'), passphrase: 'sesame' })

    expect(identity).toMatchObject({ passphrase: 'sesame', rejectUnauthorized: false })
    expect(identity?.id).not.toBe(resolveTls(false, [at('one.crt'), at('one.key')])?.id)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a missing certificate', () => [at('missing'), at('one.key')], /`cert` from `.*\/missing`: no such file/],
    ['a missing key', () => [at('one.crt'), at('missing')], /`cert` from `.*\/missing`: no such file/],
    ['a directory', () => at('empty'), /`cert` from `.*\/empty`: EISDIR/],
    ['no key', () => at('one.crt'), /`cert` from `.*\/one.crt`: /],
    ['no certificate', () => at('one.key'), /`cert` from `.*\/one.key`: no start line/],
    [
      'a foreign key',
      () => [at('one.crt'), at('two.key')],
      /`cert` from `.*\/one.crt` with the key from `.*\/two.key`: key values mismatch/,
    ],
    [
      'a wrong passphrase',
      () => ({ cert: at('one.crt'), key: at('locked.key'), passphrase: 'wrong-one' }),
      /locked.key`: bad decrypt/,
    ],
    ['no passphrase', () => [at('one.crt'), at('locked.key')], /locked.key`: /],
  ])('%s is an SSLError', (_, cert, message) => {
    expect(() => resolveTls(true, cert() as string)).toThrow(SSLError)
    expect(() => resolveTls(true, cert() as string)).toThrow(message)
  })

  it.each([
    [''],
    [5],
    [true],
    [[]],
    [['a']],
    [['a', 'b', 'c']],
    [['a', undefined]],
    [{}],
    [{ cert: 5 }],
    [{ cert: 'a', key: 'b', passphrase: 5 }],
    [{ cert: 'a', pfx: 'b' }],
  ])('another shape is an InvalidOptionError or SSLError that names cert', (cert) => {
    expect(() => resolveTls(true, cert as unknown as string)).toThrow(/`cert`/)
    if (!JSON.stringify(cert).includes('"a"'))
      expect(() => resolveTls(true, cert as unknown as string)).toThrow(InvalidOptionError)
  })

  it('no message shows a key or a passphrase', async () => {
    const [cert, key, foreign] = [await text('one.crt'), await text('one.key'), await text('two.key')]
    const bare = key.split('\n').slice(1, -2).join('')
    const attempts = [
      [cert, foreign],
      [cert, bare],
      bare,
      { cert, key: await text('locked.key'), passphrase: 'wrong-one' },
      { cert, key: key.slice(0, -60), passphrase: 'wrong-one' },
    ]

    for (const attempt of attempts) {
      let error: unknown
      try {
        resolveTls(true, attempt as string)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(SSLError)
      for (const secret of [bare, bare.slice(0, 40), 'wrong-one', ...foreign.split('\n').slice(1, 3)]) {
        expect(inspect(error, { depth: 5 })).not.toContain(secret)
      }
    }
  })
})
