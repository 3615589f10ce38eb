import { isPrivateAddress, isPrivateHost, literalAddress, type AllowedNetworks } from './addresses.ts'

export const REFUSED_ADDRESS = 'The address is on this machine or in a private network that the service may not call.'
const REFUSED_PLAIN = 'Without TLS only addresses in networks that WEFT_WEBHOOK_NETWORKS names may be called.'

/**
 * What is wrong with a webhook's URL, in a sentence; null if nothing is for now. A name can only be judged when it is
 * looked up, so `refusedAddress` decides again at every call.
 */
export function wrongUrl(text: string, allowed: AllowedNetworks): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return 'It must be an address that starts with https://.'
  if (url.username !== '' || url.password !== '') return 'It must not hold a name or password.'
  const address = literalAddress(url.hostname)
  if (address !== null) return refusedAddress(url, address, allowed)
  if (url.protocol === 'http:' && allowed.size === 0) return REFUSED_PLAIN
  return isPrivateHost(url.hostname) && allowed.size === 0 ? REFUSED_ADDRESS : null
}

/** Why this IP address may not be connected to for the URL's sake; null if it may. */
export function refusedAddress(url: URL, address: string, allowed: AllowedNetworks): string | null {
  if (allowed.includes(address)) return null
  if (isPrivateAddress(address)) return REFUSED_ADDRESS
  return url.protocol === 'http:' ? REFUSED_PLAIN : null
}
