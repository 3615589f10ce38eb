import { BlockList, isIP } from 'node:net'

type Network = readonly [address: string, bits: number]
/** Each family by itself: Node takes an IPv4 address for one of `::/8` in a common list. */
type Networks = { ipv4: BlockList; ipv6: BlockList }

/** Networks that are not the open internet: this machine, private, link-local, reserved, and ways into them from IPv6. */
const PRIVATE_4: readonly Network[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
/** The first: unspecified, loopback, and IPv4 in IPv6 clothes. */
const PRIVATE_6: readonly Network[] = [
  ['::', 8],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
]
const PRIVATE = networksOf([...PRIVATE_4, ...PRIVATE_6])

function networksOf(networks: readonly Network[]): Networks {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const [address, bits] of networks) {
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    lists[family].addSubnet(address, bits, family)
  }
  return lists
}

/** Networks that may be reached although they are not the open internet. */
export type AllowedNetworks = { includes(address: string): boolean; readonly size: number }

/** `networks`: IP addresses or `address/bits`. Throws an Error that names the first that is none. */
export function allowNetworks(networks: readonly string[]): AllowedNetworks {
  const lists = networksOf(networks.map(readNetwork))
  return { includes: (address) => contains(lists, address), size: networks.length }
}

/** Whether an IP address is not one of the open internet. What is no IP address is not either. */
export function isPrivateAddress(address: string): boolean {
  return isIP(address.replace(/%.*$/, '')) === 0 || contains(PRIVATE, address)
}

/** Whether a host as it stands in a URL is private for sure: such an IP address, or a name of this machine. */
export function isPrivateHost(hostname: string): boolean {
  const host = bare(hostname)
  if (isIP(host) !== 0) return isPrivateAddress(host)
  return /^(localhost|.*\.localhost)\.?$/i.test(host)
}

/** The IP address that a URL's host is, without brackets; null for a name. */
export function literalAddress(hostname: string): string | null {
  const host = bare(hostname)
  return isIP(host) === 0 ? null : host
}

function readNetwork(network: string): Network {
  const [address = '', bits] = network.split('/')
  const version = isIP(address)
  const most = version === 4 ? 32 : 128
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (version === 0 || length < 0 || length > most) throw new Error(`${network} is no IP address or network`)
  return [address, length]
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function contains(lists: Networks, address: string): boolean {
  const plain = address.replace(/%.*$/, '')
  const version = isIP(plain)
  const family = version === 4 ? 'ipv4' : 'ipv6'
  return version !== 0 && lists[family].check(plain, family)
}
