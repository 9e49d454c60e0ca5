import { describe, expect, it } from 'vitest'
import { destinationKey, destinationOf, proxiedHeaders } from '../../src/transport/destination.ts'
import type { ProxyTarget, TlsIdentity } from '../../src/transport/exchange.ts'

const identity = { id: 'some' } as TlsIdentity
const proxyOf = (part: Partial<ProxyTarget> = {}): ProxyTarget => ({
  url: 'http://proxy:3128',
  protocol: 'http:',
  hostname: 'proxy',
  port: 3128,
  ...part,
})
const secureProxy = proxyOf({ url: 'https://proxy:3128', protocol: 'https:' })
const to = (origin: string, proxy?: ProxyTarget) => destinationOf('key', origin, proxy, undefined)

describe('destinationKey()', () => {
  it('is the origin alone where neither proxy nor TLS makes a difference', () => {
    expect(destinationKey('http://a.test', undefined, undefined)).toBe('http://a.test')
    expect(destinationKey('http://a.test', undefined, identity)).toBe('http://a.test')
  })

  it('tells identities apart where TLS is spoken, to the origin or to the proxy', () => {
    const keys = [
      destinationKey('https://a.test', undefined, undefined),
      destinationKey('https://a.test', undefined, identity),
      destinationKey('http://a.test', proxyOf(), identity),
      destinationKey('http://a.test', secureProxy, identity),
      destinationKey('http://a.test', secureProxy, undefined),
      destinationKey('http://a.test', proxyOf({ username: 'a' }), undefined),
    ]
    expect(new Set(keys).size).toBe(6)
    expect(keys[2]).toBe(destinationKey('http://a.test', proxyOf(), undefined))
  })
})

describe('destinationOf()', () => {
  it.each([
    ['http://a.test', { isSecure: false, hostname: 'a.test', port: 80 }],
    ['https://a.test', { isSecure: true, hostname: 'a.test', port: 443 }],
    ['http://a.test:0', { isSecure: false, hostname: 'a.test', port: 0 }],
    ['https://a.test:0', { isSecure: true, hostname: 'a.test', port: 0 }],
    ['https://a.test:8443', { isSecure: true, hostname: 'a.test', port: 8443 }],
    ['http://[::1]:8080', { isSecure: false, hostname: '::1', port: 8080 }],
  ])('connects to %s', (origin, target) => {
    expect(to(origin)).toMatchObject({ target, firstHop: target, clientOrigin: origin, isAbsoluteForm: false })
  })

  it('sends http to an HTTP proxy, and https through it', () => {
    const firstHop = { isSecure: false, hostname: 'proxy', port: 3128 }
    expect(to('http://a.test', proxyOf())).toMatchObject({
      firstHop,
      clientOrigin: 'http://proxy:3128',
      isAbsoluteForm: true,
    })
    expect(to('https://a.test', proxyOf())).toMatchObject({
      firstHop,
      clientOrigin: 'https://a.test',
      isAbsoluteForm: false,
    })
  })

  it('takes proxies by their IPv6 addresses', () => {
    expect(to('http://a.test', proxyOf({ hostname: '[::1]' }))).toMatchObject({
      firstHop: { hostname: '::1' },
      clientOrigin: 'http://[::1]:3128',
    })
  })

  it.each([
    [{ username: 'user', password: 'pass' }, 'user:pass'],
    [{ username: 'user' }, 'user:'],
    [{ password: 'pass' }, ':pass'],
  ])('has the credentials of %j for an HTTP proxy', (part, plain) => {
    const expected = `Basic ${Buffer.from(plain).toString('base64')}`
    expect(to('http://a.test', proxyOf(part)).proxyAuthorization).toBe(expected)
    expect(to('http://a.test', proxyOf({ ...part, protocol: 'socks5:' })).proxyAuthorization).toBeUndefined()
  })
})

describe('proxiedHeaders()', () => {
  it('adds Host and credentials for the proxy, and takes those of the caller if there are some', () => {
    const through = to('http://a.test:81', proxyOf({ username: 'user' }))
    expect(proxiedHeaders(['x', '1'], through)).toEqual([
      'x',
      '1',
      'host',
      'a.test:81',
      'proxy-authorization',
      through.proxyAuthorization,
    ])
    const own = ['Host', 'b.test', 'Proxy-Authorization', 'own']
    expect(proxiedHeaders(own, through)).toEqual(own)
  })

  it('keeps from the origin what is meant for a proxy', () => {
    expect(proxiedHeaders(['Proxy-Authorization', 'own', 'x', '1'], to('https://a.test', proxyOf()))).toEqual([
      'x',
      '1',
    ])
    expect(proxiedHeaders(['x', '1'], to('https://a.test'))).toEqual(['x', '1'])
  })
})
