import { describe, expect, it } from 'vitest'
import { hashOf, keyIdOf, matches, newApiKey } from '../../src/auth/api-key.ts'

describe('an API key', () => {
  it('shows its id, has 256 random bits, and only its hash is for keeping', () => {
    const keys = Array.from({ length: 200 }, newApiKey)
    expect(new Set(keys.map(({ key_id }) => key_id)).size).toBe(200)
    for (const { key_id, text, hash } of keys) {
      expect(text).toMatch(/^weft_[a-z2-7]{16}_[A-Za-z0-9_-]{43}$/)
      expect(Buffer.from(text.slice(-43), 'base64url')).toHaveLength(32)
      expect(keyIdOf(text)).toBe(key_id)
      expect(hash).toBe(hashOf(text))
      expect(hash).toMatch(/^[0-9a-f]{64}$/)
    }
  })

  it('matches its own hash and no other', () => {
    const [one, two] = [newApiKey(), newApiKey()]
    expect(matches(one.text, one.hash)).toBe(true)
    expect(matches(one.text, two.hash)).toBe(false)
    expect(matches(one.text.slice(0, -1), one.hash)).toBe(false)
    expect(matches(one.text, null)).toBe(false)
  })

  it.each(['', 'weft_', 'Bearer x', `weft_${'a'.repeat(16)}_short`, `weft_${'A'.repeat(16)}_${'a'.repeat(43)}`])(
    'is not %j',
    (text) => {
      expect(keyIdOf(text)).toBeNull()
    },
  )
})
