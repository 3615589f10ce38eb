import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { batch, loadEpoch, parked } from './batches.ts'

let count = 0

export function expiryContract(store: () => Store): void {
  describe('threads that expire', () => {
    const tenantOf = (): string => `expiry-${process.pid}-${++count}`
    const ids = async (tenant: string, now: number, ttl_ms?: number): Promise<string[]> => {
      const whose = ttl_ms === undefined ? ('own' as const) : { ttl_ms }
      return (await store().threads.listExpired(tenant, { now, whose, limit: 9 })).map(({ id }) => id)
    }
    const summary = { agent_id: 'x', active_run_id: null, message_count: 0, queue_revision: 0 }

    it('are those whose own time is up, or the installation’s where they say nothing', async () => {
      const tenant = tenantOf()
      for (const [id, expires_after_s] of [
        ['own', 60],
        ['never', 0],
        ['silent', null],
        ['long', 86_400],
      ] as const)
        await store().threads.create(tenant, { id, expires_after_s })
      const later = Date.now() + 61_000
      expect(await ids(tenant, later)).toEqual(['own'])
      expect(await ids(tenant, Date.now())).toEqual([])
      expect(await ids(tenant, later, 60_000)).toEqual(['silent'])
      expect(await ids(tenant, later, 70_000)).toEqual([])
      expect(await ids('another', later, 1)).toEqual([])
      await store().threads.patch(tenant, 'own', { expires_after_s: null })
      expect(await ids(tenant, later)).toEqual([])
    })

    it('are listed page by page, the longest expired first', async () => {
      const tenant = tenantOf()
      for (let i = 0; i < 5; i++) await store().threads.create(tenant, { id: `t${String(i)}`, expires_after_s: 5 - i })
      const now = Date.now() + 10_000
      const first = await store().threads.listExpired(tenant, { now, whose: 'own', limit: 3 })
      const rest = await store().threads.listExpired(tenant, { now, whose: 'own', limit: 3, after: first.at(-1)! })
      expect([...first, ...rest].map(({ id }) => id)).toEqual(['t4', 't3', 't2', 't1', 't0'])
    })

    it('have no open run, nobody to wait for and no message in their queue', async () => {
      const tenant = tenantOf()
      for (const status of ['running', 'waiting'] as const) {
        const ref = { tenant, thread_id: status }
        await store().threads.create(tenant, { id: status, expires_after_s: 1 })
        const epoch = await loadEpoch(store(), ref)
        await store().engine.persist(batch(ref, epoch, [parked(1)], { summary: { ...summary, status } }))
      }
      expect(await ids(tenant, Date.now() + 60_000)).toEqual([])
    })

    it('are deleted unless something has happened since they were listed', async () => {
      const tenant = tenantOf()
      for (const id of ['rests', 'loaded', 'changed']) await store().threads.create(tenant, { id, expires_after_s: 1 })
      await store().threads.create(tenant, { id: 'child', parent_thread_id: 'rests' })
      const found = await store().threads.listExpired(tenant, { now: Date.now() + 60_000, whose: 'own', limit: 9 })
      await loadEpoch(store(), { tenant, thread_id: 'loaded' })
      const ref = { tenant, thread_id: 'changed' }
      await store().engine.persist(
        batch(ref, await loadEpoch(store(), ref), [parked(1)], { summary: { ...summary, status: 'idle' } }),
      )
      const deleted: string[] = []
      for (const thread of found) if (await store().threads.expire(tenant, thread)) deleted.push(thread.id)
      expect(deleted).toEqual(['rests'])
      expect(await store().threads.get(tenant, 'rests')).toBe('deleted')
      expect(await store().threads.get(tenant, 'child')).toMatchObject({ parent_thread_id: null })
      // What waits to be told of it would go with it.
      const webhook = { tenant, id: `hook-${tenant}`, url: 'https://a.example', description: null, secret: 's', created_at: 0 }
      await store().webhooks.create({ ...webhook, kinds: ['QueueParked'] }, 9)
      await store().threads.create(tenant, { id: 'telling', expires_after_s: 1 })
      const telling = { tenant, thread_id: 'telling' }
      const parks = batch(telling, await loadEpoch(store(), telling), [{ ...parked(1), at: Date.now() }], {
        summary: { ...summary, status: 'idle' },
      })
      await store().engine.persist(parks)
      const later = { now: Date.now() + 60_000, whose: 'own' as const, limit: 9 }
      const [still] = (await store().threads.listExpired(tenant, later)).filter(({ id }) => id === 'telling')
      expect(await store().threads.expire(tenant, still!)).toBe(false)
      await store().webhooks.remove(tenant, webhook.id)
      expect(await store().threads.expire(tenant, still!)).toBe(true)
      expect(await store().threads.listUnforgotten(999)).toContainEqual({
        tenant,
        thread_id: 'rests',
        deleted_at: expect.any(Number),
      })
    })
  })
}
