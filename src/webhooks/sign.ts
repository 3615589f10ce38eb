import { createHmac, randomBytes } from 'node:crypto'

/** A secret nobody has had before. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64url')}`
}

/**
 * The value of `Weft-Signature` for one try: `t=<seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of `<seconds>.<body>`
 * under the secret's text. `seconds`: whole, since the epoch.
 */
export function signature(secret: string, seconds: number, body: string): string {
  const mac = createHmac('sha256', secret)
    .update(`${String(seconds)}.${body}`)
    .digest('hex')
  return `t=${String(seconds)},v1=${mac}`
}
