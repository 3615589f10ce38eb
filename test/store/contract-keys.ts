import { describe, expect, it } from 'vitest'
import type { NewApiKey } from '../../src/store/api-keys.ts'
import { InvalidCursor, type Store } from '../../src/store/store.ts'

let count = 0
const tenantOf = (): string => `tenant-of-keys-${process.pid}-${++count}`
const fresh = (tenant: string, more: Partial<NewApiKey> = {}): NewApiKey => ({
  key_id: `key-${process.pid}-${++count}`,
  tenant,
  role: 'user',
  name: 'ci',
  hash: 'ab'.repeat(32),
  created_at: 1_000,
  created_by: 'cli',
  expires_at: null,
  ...more,
})
const UNUSED = { revoked_at: null, revoked_by: null, last_used_at: null }

export function keysContract(store: () => Store): void {
  describe('keys', () => {
    it('are found by their id with their hash, and listed without it', async () => {
      const tenant = tenantOf()
      const key = fresh(tenant, { expires_at: 9_000, role: 'operator' })
      await store().keys.create(key)
      expect(await store().keys.find(key.key_id)).toEqual({ ...key, ...UNUSED })
      const { hash, ...shown } = key
      const page = await store().keys.list(tenant, { limit: 9 })
      expect(page.items).toEqual([{ ...shown, ...UNUSED }])
      expect(JSON.stringify(page)).not.toContain(hash)
      expect(await store().keys.any()).toBe(true)
      expect(await store().keys.find('no such key')).toBeNull()
    })

    it('cannot be made twice, nor with a role that there is not', async () => {
      const key = fresh(tenantOf())
      await store().keys.create(key)
      await expect(store().keys.create({ ...key, hash: 'cd'.repeat(32) })).rejects.toThrow()
      await expect(store().keys.create(fresh(tenantOf(), { role: 'root' as never }))).rejects.toThrow()
      expect((await store().keys.find(key.key_id))?.hash).toBe(key.hash)
    })

    it('are revoked once, by their own tenant or over all', async () => {
      const tenant = tenantOf()
      const [one, two] = [fresh(tenant), fresh(tenant)]
      await Promise.all([one, two].map((key) => store().keys.create(key)))
      expect(await store().keys.revoke(tenantOf(), one.key_id, { at: 2_000, by: 'x' })).toBeNull()
      expect((await store().keys.find(one.key_id))?.revoked_at).toBeNull()
      expect(await store().keys.revoke(tenant, one.key_id, { at: 2_000, by: 'a' })).toMatchObject({ revoked_at: 2_000 })
      const again = await store().keys.revoke(tenant, one.key_id, { at: 3_000, by: 'b' })
      expect(again).toMatchObject({ revoked_at: 2_000, revoked_by: 'a' })
      expect(await store().keys.revoke(null, two.key_id, { at: 4_000, by: 'c' })).toMatchObject({ revoked_by: 'c' })
      expect(await store().keys.revoke(null, 'no such key', { at: 1, by: 'c' })).toBeNull()
      expect((await store().keys.find(one.key_id))?.revoked_at).toBe(2_000)
    })

    it('remember their last use, whichever process tells of it last', async () => {
      const key = fresh(tenantOf())
      await store().keys.create(key)
      await store().keys.touch(key.key_id, 5_000)
      await store().keys.touch(key.key_id, 4_000)
      await store().keys.touch('no such key', 4_000)
      expect((await store().keys.find(key.key_id))?.last_used_at).toBe(5_000)
    })

    it('are paged newest first, of one tenant or of all', async () => {
      const tenant = tenantOf()
      const keys = [10, 30, 30, 20].map((created_at) => fresh(tenant, { created_at }))
      for (const key of keys) await store().keys.create(key)
      const seen: string[] = []
      let cursor = ''
      for (let more = true; more;) {
        const page = await store().keys.list(tenant, { limit: 3, cursor })
        expect(page.total).toBe(4)
        seen.push(...page.items.map(({ key_id }) => key_id))
        cursor = page.next_cursor
        more = page.has_more
      }
      const [a, b, c, d] = keys.map(({ key_id }) => key_id) as [string, string, string, string]
      expect(seen).toEqual([...[b, c].sort().reverse(), d, a])
      expect((await store().keys.list(null, { limit: 1 })).total).toBeGreaterThanOrEqual(4)
      await expect(store().keys.list(tenant, { limit: 1, cursor: 'made up' })).rejects.toThrow(InvalidCursor)
    })

    it('a secret is the same for everybody who asks, also at once', async () => {
      const name = `secret-${process.pid}-${++count}`
      let made = 0
      const ask = (): Promise<string> => store().keys.secret(name, () => `value-${String(++made)}`)
      const values = new Set(await Promise.all([ask(), ask(), ask()]))
      expect(values.size).toBe(1)
      expect(values).toContain(await ask())
    })
  })
}
