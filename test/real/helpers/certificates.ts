import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { openFolder } from './peer.ts'

export interface Certificates {
  /** An authority, a server for 127.0.0.1 and localhost, and a client, both signed by it. Paths of PEM files. */
  readonly ca: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly client: { readonly cert: string; readonly key: string }
  remove(): Promise<void>
}

/** Made by openssl for this run, good for a day. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await openFolder()
  const file = (name: string): string => path.join(folder.path, name)
  const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)('openssl', args)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

  await openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '1',
    '-subj',
    '/CN=test authority',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.pem'),
  )
  const sign = async (name: string, extensions: string): Promise<{ cert: string; key: string }> => {
    await openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`))
    await writeFile(file(`${name}.ext`), extensions)
    const authority = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial']
    await openssl(
      'x509',
      '-req',
      '-in',
      file(`${name}.csr`),
      ...authority,
      '-days',
      '1',
      '-extfile',
      file(`${name}.ext`),
      '-out',
      file(`${name}.pem`),
    )
    return { cert: file(`${name}.pem`), key: file(`${name}.key`) }
  }
  return {
    ca: file('ca.pem'),
    server: await sign('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost'),
    client: await sign('client', 'extendedKeyUsage=clientAuth'),
    remove: () => folder.remove(),
  }
}
