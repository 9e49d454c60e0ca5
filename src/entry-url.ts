/**
 * Where a module of ours lies that runs in threads.
 *
 * @param built where the build puts it: `new URL('./name.js', import.meta.url)`, written out where it is used, for
 *   bundlers look for that
 * @returns the same; run from source, where threads can't follow (Node 20 reads no TypeScript), what
 *   `test/helpers/build-entries.ts` made of it
 */
export function entryUrl(built: URL): URL {
  if (!import.meta.url.endsWith('.ts')) return built
  const name = built.pathname.slice(built.pathname.lastIndexOf('/') + 1)
  return new URL(`../node_modules/.cache/undici-futures/${name}`, import.meta.url)
}
