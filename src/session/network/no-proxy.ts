import { BlockList, isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { longestHost } from '../long-host.ts'

/** What a `no_proxy` list says, ready for looking up. */
interface DirectHosts {
  readonly isAll: boolean
  /** Hosts, which stand for everything below them too; of one port, or of all. */
  readonly hosts: readonly { readonly name: string; readonly port: string | undefined }[]
  /** Addresses and blocks by port; those of all ports under `''`. */
  readonly addresses: ReadonlyMap<string, BlockList>
}

const maxLists = 100
const lists = new Map<string, DirectHosts>()

/**
 * Whether a `no_proxy` list lets a URL be reached directly. The list is separated by commas or blanks and holds host names
 * (with or without a leading dot or `*.`; what is below counts too), `host:port`, addresses, blocks of addresses (CIDR) and
 * `*`. Host names are not looked up. What is nothing of this is passed over.
 */
export function isDirect(url: URL, noProxy: string): boolean {
  if (noProxy === '') return false
  const { isAll, hosts, addresses } = listOf(noProxy)
  if (isAll) return true
  const hostname = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const version = isIP(hostname)
  if (version === 0) {
    return hosts.some(
      (host) => (host.port ?? port) === port && (hostname === host.name || hostname.endsWith(`.${host.name}`)),
    )
  }
  const family = version === 6 ? 'ipv6' : 'ipv4'
  return ['', port].some((key) => addresses.get(key)?.check(hostname, family) === true)
}

function listOf(noProxy: string): DirectHosts {
  let list = lists.get(noProxy)
  if (list === undefined) {
    list = parseNoProxy(noProxy)
    if (lists.size >= maxLists) lists.clear()
    lists.set(noProxy, list)
  }
  return list
}

function parseNoProxy(noProxy: string): DirectHosts {
  const hosts: { name: string; port: string | undefined }[] = []
  const addresses = new Map<string, BlockList>()
  const entries = noProxy.split(/[\s,]+/)
  for (const entry of entries) {
    // What does not match may be a bare IPv6 address: it has colons, and no port.
    const [, name, port] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d+))?$/.exec(entry) ?? []
    const host = name?.replace(/^\[|\]$/g, '') ?? entry
    const key = port ?? ''
    if (isIP(host.split('/', 1)[0] ?? '') !== 0) {
      const block = addresses.get(key) ?? new BlockList()
      addBlock(block, host)
      addresses.set(key, block)
    } else if (host.length <= longestHost) {
      const suffix = domainToASCII(host.replace(/^\*?\./, '').replace(/\.$/, ''))
      if (suffix !== '') hosts.push({ name: suffix, port })
    }
  }
  return { isAll: entries.includes('*'), hosts, addresses }
}

function addBlock(block: BlockList, host: string): void {
  const [address = '', prefix] = host.split('/')
  const version = isIP(address)
  const family = version === 6 ? 'ipv6' : 'ipv4'
  // An address with a zone (`fe80::1%eth0`) is in no URL.
  if (address.includes('%')) return
  if (prefix === undefined) block.addAddress(address, family)
  else if (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 6 ? 128 : 32))
    block.addSubnet(address, Number(prefix), family)
}
