import { BlockList, isIP } from 'node:net'

/** Networks that are not the open internet: this machine, private, link-local, reserved, and ways into them from IPv6. */
const PRIVATE = new BlockList()
for (const [network, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
  ] as const),
  ...([
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
  ] as const),
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  // Everything below ::/8 among it: unspecified, loopback, and IPv4 in IPv6 clothes.
  ...([
    ['::', 8],
    ['64:ff9b::', 96],
    ['64:ff9b:1::', 48],
    ['100::', 64],
    ['2001::', 23],
  ] as const),
  ...([
    ['2001:db8::', 32],
    ['2002::', 16],
    ['3fff::', 20],
    ['5f00::', 16],
    ['fc00::', 7],
    ['fe80::', 9],
  ] as const),
  ...([['ff00::', 8]] as const),
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6')

/** Whether an IP address is not one of the open internet. What is no IP address is not either. */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/%.*$/, '')
  const version = isIP(plain)
  return version === 0 || PRIVATE.check(plain, version === 4 ? 'ipv4' : 'ipv6')
}

/** Whether a host as it stands in a URL is private for sure: such an IP address, or a name of this machine. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return isPrivateAddress(host)
  return /^(localhost|.*\.localhost|localhost\.)$/i.test(host)
}
