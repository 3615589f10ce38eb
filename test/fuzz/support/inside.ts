import type { Client } from '../../http/support/client.ts'

/** Nobody listens there. Webhooks of tests go nowhere else: what a generator thinks of may be somebody's. */
export const NOWHERE = 'http://127.0.0.1:9/told'
/** Lets webhooks call this machine. */
export const INSIDE = { WEFT_WEBHOOK_NETWORKS: '127.0.0.0/8' }

/** The body of a new webhook with an address of this machine in the place of any other; other bodies as they are. */
export function kept(method: string, path: string, body: string): string {
  if (method !== 'POST' || !/^\/v1\/webhooks\/?(\?|$)/i.test(path)) return body
  try {
    const given = JSON.parse(body) as unknown
    if (typeof given !== 'object' || given === null || !('url' in given) || !URL.canParse(String(given.url))) return body
    return JSON.stringify({ ...given, url: NOWHERE })
  } catch {
    return body
  }
}

/** A client whose webhooks stay on this machine. */
export function inside(client: Client): Client {
  const call: Client['call'] = (method, path, body, headers) =>
    client.call(
      method,
      path,
      body === undefined ? body : (JSON.parse(kept(method, path, JSON.stringify(body))) as unknown),
      headers,
    )
  return { ...client, call }
}
