import { lookup as dnsLookup } from 'node:dns'
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { literalAddress, type AllowedNetworks } from './addresses.ts'
import { refusedAddress } from './target.ts'

/** `status`: of the answer; null where none came. */
export type Posted = { ok: boolean; status: number | null; error: string | null }
export type PostOptions = {
  url: string
  headers: Record<string, string>
  body: string
  allowed: AllowedNetworks
  /** For the whole of it, from the look-up of the name to the head of the answer, in ms. */
  timeout_ms: number
  signal?: AbortSignal
  /** How names are looked up. */
  lookup?: typeof dnsLookup
}

class RefusedAddress extends Error {}

/**
 * Posts JSON once: no redirects, no kept connection, nothing of the answer but its status. The address is judged after
 * the name was looked up and that very address is connected to, so a name that changes its mind gains nothing.
 * Never throws, except when `signal` fires.
 */
export async function postOnce(options: PostOptions): Promise<Posted> {
  const { headers, body, allowed, timeout_ms } = options
  const url = new URL(options.url)
  const refusal = (address: string): string | null => refusedAddress(url, address, allowed)
  const literal = literalAddress(url.hostname)
  const refused = literal === null ? null : refusal(literal)
  if (refused !== null) return { ok: false, status: null, error: refused }
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
    lookup: guarded(options.lookup ?? dnsLookup, refusal),
  }
  try {
    const status = await send(url, settings, body, refusal)
    if (status >= 200 && status < 300) return { ok: true, status, error: null }
    return { ok: false, status, error: `It answered ${String(status)}.` }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof RefusedAddress) return { ok: false, status: null, error: error.message }
    const what = late.aborted ? `No answer came within ${String(timeout_ms)} ms.` : `It could not be reached: ${reasonOf(error)}.`
    return { ok: false, status: null, error: what }
  }
}

type Refusal = (address: string) => string | null

function send(url: URL, settings: RequestOptions, body: string, refusal: Refusal): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, settings)
    request.on('socket', (socket) => {
      socket.once('connect', () => {
        // Whatever way it was chosen by.
        const refused = refusal(socket.remoteAddress ?? '')
        if (refused !== null) socket.destroy(new RefusedAddress(refused))
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

/** Fails for a name of which any address is refused. */
function guarded(lookup: typeof dnsLookup, refusal: Refusal): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? []
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${hostname} has no address`), '', 0)
        return
      }
      const refused = addresses.map(({ address }) => refusal(address)).find((reason) => reason !== null)
      if (refused !== undefined) callback(new RefusedAddress(refused), '', 0)
      else if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return typeof code === 'string' ? code : String(message)
}
