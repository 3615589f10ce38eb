import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { batch, event, freshRef, loadEpoch, run } from './batches.ts'

let count = 0
const next = (): string => `${String(process.pid)}-${String(++count)}`
const page = { limit: 99 }
const failed = { last_status: 500, last_error: 'It answered 500.' }

export function webhooksContract(store: () => Store): void {
  const webhook = (tenant: string, kinds = ['RunFinished'] as const, at = Date.now()) => ({
    ...{ tenant, id: `hook-${next()}`, url: 'https://example.com/', kinds: [...kinds], description: null },
    ...{ secret: 'a secret of the test', created_at: at },
  })
  /** A thread whose events are as of now, since old ones are no news. */
  const begin = async (tenant: string) => {
    const ref = freshRef(tenant)
    const epoch = await loadEpoch(store(), ref)
    const now = Date.now()
    const end = (seq: number, kind: 'RunFinished' | 'RunErrored' = 'RunFinished', at = now) => {
      const run_id = `run-${String(seq)}`
      const ended = { ...event(seq, kind, { n: seq, dispatch_id: run_id, attempt_count: 1 } as never, undefined, run_id), at }
      return store().engine.persist(batch(ref, epoch, [ended], { runs: [run(ref, run_id)] }))
    }
    return { ref, end }
  }
  const deliveries = async (tenant: string) => (await store().webhooks.listDeliveries(tenant, {}, page)).items

  describe('webhooks', () => {
    it('are kept without showing their secret, listed newest first, and limited in number', async () => {
      const tenant = `webhooks-${next()}`
      const rows = []
      for (const at of [1, 2, 3]) rows.push(await store().webhooks.create(webhook(tenant, ['RunFinished'], at), 3))
      expect(rows[0]).toMatchObject({ tenant, kinds: ['RunFinished'], disabled_at: null, last_delivered_at: null, created_at: 1 })
      expect(rows[0]).not.toHaveProperty('secret')
      expect(await store().webhooks.create(webhook(tenant), 3)).toBeNull()
      const first = await store().webhooks.list(tenant, { limit: 2 })
      expect(first).toMatchObject({ total: 3, has_more: true, items: [rows[2], rows[1]] })
      const rest = await store().webhooks.list(tenant, { limit: 2, cursor: first.next_cursor })
      expect(rest).toMatchObject({ has_more: false, items: [rows[0]] })
      const id = rows[0]?.id ?? ''
      expect(await store().webhooks.get(tenant, id)).toEqual(rows[0])
      expect(await store().webhooks.get('another tenant', id)).toBeNull()
      expect(await store().webhooks.remove('another tenant', id)).toBe(false)
      expect(await store().webhooks.remove(tenant, id)).toBe(true)
      expect(await store().webhooks.get(tenant, id)).toBeNull()
    })

    it('get a delivery with the event, once, for kinds they asked for and only of their tenant', async () => {
      const tenant = `webhooks-${next()}`
      const [mine, other] = [webhook(tenant), webhook(`other-${next()}`)]
      for (const each of [mine, other]) await store().webhooks.create(each, 9)
      const { ref, end } = await begin(tenant)
      await end(1)
      const again = await end(1)
      expect(again.status).toBe('stored')
      await end(2, 'RunErrored')
      await end(2 + 1, 'RunFinished', Date.now() - 30 * 86_400_000)
      const found = await deliveries(tenant)
      expect(found).toMatchObject([{ webhook_id: mine.id, thread_id: ref.thread_id, seq: 1, status: 'pending', attempts: 0 }])
      const [due] = await store().webhooks.due(mine.id, Date.now() + 60_000, 9)
      expect(due).toMatchObject({ seq: 1, kind: 'RunFinished', payload: { n: 1 } })
      expect(await deliveries(other.tenant)).toEqual([])
    })

    it('note what came of each try, on the delivery and on the webhook', async () => {
      const tenant = `webhooks-${next()}`
      const mine = webhook(tenant)
      await store().webhooks.create(mine, 9)
      const { end } = await begin(tenant)
      await end(1)
      const [due] = await store().webhooks.due(mine.id, Date.now() + 60_000, 9)
      if (due === undefined) throw new Error('nothing is due')
      await store().webhooks.record(due, { status: 'pending', next_at: 5, ...failed })
      expect(await store().webhooks.nextAt(mine.id)).toBe(5)
      expect(await store().webhooks.overdue(6)).toContain(mine.id)
      expect(await store().webhooks.overdue(5)).not.toContain(mine.id)
      expect(await store().webhooks.get(tenant, mine.id)).toMatchObject({ ...failed, last_failed_at: expect.any(Number) })
      await store().webhooks.record(due, { status: 'delivered', last_status: 204, last_error: null })
      // Too late: it has been delivered.
      await store().webhooks.record(due, { status: 'failed', ...failed })
      expect(await deliveries(tenant)).toMatchObject([{ status: 'delivered', attempts: 2, last_status: 204, last_error: null }])
      expect(await store().webhooks.nextAt(mine.id)).toBeNull()
      await store().webhooks.prune({ delivered: Date.now() + 1, failed: 0 })
      expect((await deliveries(tenant)).filter(({ webhook_id }) => webhook_id === mine.id)).toEqual([])
    })

    it('that are disabled get nothing until they are enabled, and what waited has failed', async () => {
      const tenant = `webhooks-${next()}`
      const mine = webhook(tenant)
      await store().webhooks.create(mine, 9)
      const { end } = await begin(tenant)
      await end(1)
      await store().webhooks.disable(mine.id, 'because')
      await end(2)
      expect(await store().webhooks.target(mine.id)).toBeNull()
      expect(await store().webhooks.get(tenant, mine.id)).toMatchObject({ disabled_reason: 'because' })
      expect(await deliveries(tenant)).toMatchObject([{ seq: 1, status: 'failed', last_error: 'because' }])
      expect(await store().webhooks.enable('another tenant', mine.id)).toBeNull()
      expect(await store().webhooks.enable(tenant, mine.id)).toMatchObject({ disabled_at: null, disabled_reason: null })
      expect(await store().webhooks.target(mine.id)).toMatchObject({ url: mine.url, secret: mine.secret })
      await end(3)
      expect((await deliveries(tenant)).map(({ seq, status }) => [seq, status])).toEqual([
        [3, 'pending'],
        [1, 'failed'],
      ])
    })

    it('and threads take their deliveries along when they are deleted', async () => {
      const tenant = `webhooks-${next()}`
      const mine = webhook(tenant)
      await store().webhooks.create(mine, 9)
      const [one, two] = [await begin(tenant), await begin(tenant)]
      await one.end(1)
      await two.end(1)
      await store().threads.delete(tenant, one.ref.thread_id, 'detach')
      expect((await deliveries(tenant)).map(({ thread_id }) => thread_id)).toEqual([two.ref.thread_id])
      await store().webhooks.remove(tenant, mine.id)
      expect(await deliveries(tenant)).toEqual([])
    })
  })
}
