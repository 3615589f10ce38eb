import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'

let count = 0
const nameOf = (): string => `look-${process.pid}-${++count}`
const LONG_MS = 60_000

export function leasesContract(store: () => Store): void {
  const take = (name: string, holder: string, ttl_ms = LONG_MS) => store().leases.take(name, holder, ttl_ms)

  describe('a lease', () => {
    it('is one holder’s, who may keep it, and another’s once it is given up', async () => {
      const name = nameOf()
      expect([await take(name, 'one'), await take(name, 'other'), await take(name, 'one')]).toEqual([true, false, true])
      // Nobody gives up what is not his.
      await store().leases.release(name, 'other')
      expect(await take(name, 'other')).toBe(false)
      await store().leases.release(name, 'one')
      expect([await take(name, 'other'), await take(name, 'one')]).toEqual([true, false])
      expect(await take(nameOf(), 'one')).toBe(true)
    })

    it('is one’s of many who ask at once', async () => {
      const name = nameOf()
      const taken = await Promise.all(Array.from({ length: 10 }, (_, n) => take(name, String(n))))
      expect(taken.filter(Boolean)).toHaveLength(1)
    })

    it('runs out by itself', async () => {
      const name = nameOf()
      expect(await take(name, 'killed', 200)).toBe(true)
      expect(await take(name, 'next')).toBe(false)
      await expect.poll(() => take(name, 'next')).toBe(true)
      expect(await take(name, 'killed')).toBe(false)
    })
  })
}
