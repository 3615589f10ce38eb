import { createHmac } from 'node:crypto'

/**
 * The headers of one try, as standardwebhooks.com has them: HMAC-SHA256 of `<id>.<timestamp>.<body>`, in base64.
 * `timestamp` in whole seconds. A secret `whsec_…` stands for the bytes that it holds in base64, any other for itself.
 */
export function signedHeaders(secret: string, id: string, timestamp: number, body: string): Record<string, string> {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8')
  const signature = createHmac('sha256', key)
    .update(`${id}.${String(timestamp)}.${body}`)
    .digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` }
}
