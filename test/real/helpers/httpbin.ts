import { startProgram, type Peer } from './peer.ts'

/** httpbin, with Debian's own Python: one from elsewhere on the PATH does not have its modules. */
export async function startHttpbin(): Promise<Peer & { readonly url: string }> {
  const args = ['-m', 'gunicorn', '-b', '127.0.0.1:0', '-k', 'gevent', '-w', '1', 'httpbin:app']
  const program = await startProgram('/usr/bin/python3', args)
  const [, port] = await program.printed(/Listening at: http:\/\/127\.0\.0\.1:(\d+)/)
  await program.printed(/Booting worker/)
  return { port: Number(port), url: `http://127.0.0.1:${port ?? ''}`, close: () => program.stop() }
}
