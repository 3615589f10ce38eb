import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** `weft_<id>_<secret>`: the id may be shown and stands in logs, the secret is 256 random bits in base64url. */
const FORM = /^weft_([a-z2-7]{16})_([A-Za-z0-9_-]{43})$/
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const NO_HASH = '0'.repeat(64)

/** A key of its own for each call. `text` is all that opens anything, and is kept nowhere. */
export function newApiKey(): { key_id: string; text: string; hash: string } {
  const key_id = [...randomBytes(16)].map((byte) => ALPHABET[byte % ALPHABET.length] ?? '').join('')
  const text = `weft_${key_id}_${randomBytes(32).toString('base64url')}`
  return { key_id, text, hash: hashOf(text) }
}

/** The id in a text that has the form of a key; null for any other. */
export function keyIdOf(text: string): string | null {
  return FORM.exec(text)?.[1] ?? null
}

/**
 * SHA-256 in hex. A plain hash will do: nobody guesses 256 random bits, however fast they may try, so a slow one would
 * only cost the service.
 */
export function hashOf(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

/** Takes the same time whatever differs; null stands for a key that there is not. */
export function matches(text: string, hash: string | null): boolean {
  const same = timingSafeEqual(Buffer.from(hashOf(text), 'hex'), Buffer.from(hash ?? NO_HASH, 'hex'))
  return same && hash !== null
}
