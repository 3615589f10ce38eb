import { lookup as dnsLookup } from 'node:dns'
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isPrivateAddress, isPrivateHost } from './addresses.ts'

/** `status`: of the answer; null where none came. */
export type Posted = { ok: boolean; status: number | null; error: string | null }
export type PostOptions = {
  url: string
  headers: Record<string, string>
  body: string
  allow_private: boolean
  /** For the whole of it, from the look-up of the name to the head of the answer, in ms. */
  timeout_ms: number
  signal?: AbortSignal
  /** How names are looked up. */
  lookup?: typeof dnsLookup
}

class RefusedAddress extends Error {}
const REFUSED = 'the address is on this machine or in a private network, which needs allow_private: true'

/**
 * Posts JSON once: no redirects, no kept connection, nothing of the answer but its status. The address is judged after
 * the name was looked up and that very address is connected to, so a name that changes its mind gains nothing.
 * Never throws, except when `signal` fires.
 */
export async function postOnce(options: PostOptions): Promise<Posted> {
  const { headers, body, allow_private, timeout_ms } = options
  const url = new URL(options.url)
  if (!allow_private && isPrivateHost(url.hostname)) return { ok: false, status: null, error: REFUSED }
  const late = AbortSignal.timeout(timeout_ms)
  const signal = options.signal === undefined ? late : AbortSignal.any([late, options.signal])
  const settings: RequestOptions = {
    method: 'POST',
    agent: false,
    signal,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'weft-webhooks',
      connection: 'close',
    },
    ...(allow_private ? {} : { lookup: guarded(options.lookup ?? dnsLookup) }),
  }
  try {
    const status = await send(url, settings, body, allow_private)
    if (status >= 200 && status < 300) return { ok: true, status, error: null }
    return { ok: false, status, error: `it answered ${String(status)}` }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof RefusedAddress) return { ok: false, status: null, error: REFUSED }
    const what = late.aborted ? `no answer within ${String(timeout_ms)} ms` : messageOf(error)
    return { ok: false, status: null, error: what }
  }
}

function send(url: URL, settings: RequestOptions, body: string, allow_private: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, settings)
    request.on('socket', (socket) => {
      socket.once('connect', () => {
        // Whatever way it was chosen by.
        if (!allow_private && isPrivateAddress(socket.remoteAddress ?? '')) socket.destroy(new RefusedAddress())
      })
    })
    request.on('response', (response) => {
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    request.on('error', reject)
    request.end(body)
  })
}

function guarded(lookup: typeof dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? []
      if (error !== null || first === undefined) callback(error ?? new Error(`${hostname} has no address`), '', 0)
      else if (addresses.some(({ address }) => isPrivateAddress(address))) callback(new RefusedAddress(), '', 0)
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function messageOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message)
}
