import { describe, expect, it } from 'vitest'
import { InvalidCursor, type Store } from '../../src/store/store.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import type { Snapshot } from '../../src/thread/state.ts'
import {
  batch,
  committed,
  consumed,
  delivered,
  delivery,
  entry,
  event,
  freshRef,
  ledgerEntry,
  loadEpoch,
  parked,
  run,
} from './batches.ts'

let count = 0
const tenantOf = (): string => `tenant-${process.pid}-${++count}`

export function threadsContract(store: () => Store): void {
  describe('threads', () => {
    it('creates once, and reads back what was given', async () => {
      const tenant = tenantOf()
      const made = await store().threads.create(tenant, { id: 'a', title: 'A', custom: { k: [1, null] } })
      expect(made).toMatchObject({
        status: 'created',
        thread: { id: 'a', title: 'A', custom: { k: [1, null] }, status: 'idle', last_seq: 0 },
      })
      expect(await store().threads.create(tenant, { id: 'a' })).toEqual({ status: 'exists' })
      expect(await store().threads.get(tenant, 'a')).toMatchObject({ title: 'A' })
      expect(await store().threads.get('someone else', 'a')).toBeNull()
      expect(await store().threads.create(tenant, { id: 'b', parent_thread_id: 'none' })).toEqual({ status: 'parent_not_found' })
    })

    it('pages newest first without a gap or a repeat, and counts', async () => {
      const tenant = tenantOf()
      for (let i = 0; i < 7; i++) await store().threads.create(tenant, { id: `t${i}`, resource_id: i % 2 ? 'odd' : 'even' })
      const seen: string[] = []
      let cursor = ''
      for (let more = true; more;) {
        const page = await store().threads.list(tenant, {}, { limit: 3, cursor })
        expect(page.total).toBe(7)
        seen.push(...page.items.map((row) => row.id))
        cursor = page.next_cursor
        more = page.has_more
      }
      expect(new Set(seen).size).toBe(7)
      const again = await store().threads.list(tenant, {}, { limit: 10 })
      expect(again.items.map((row) => row.id)).toEqual(seen)
      expect(await store().threads.list(tenant, {}, { limit: 3, cursor })).toMatchObject({
        items: [],
        has_more: false,
        next_cursor: cursor,
      })
      const odd = await store().threads.list(tenant, { resource_id: 'odd' }, { limit: 2, offset: 2 })
      expect(odd).toMatchObject({ total: 3, has_more: false })
      expect(odd.items).toHaveLength(1)
      await expect(store().threads.list(tenant, {}, { limit: 3, cursor: 'made up' })).rejects.toThrow(InvalidCursor)
    })

    it('filters by parent, root, status and time of change', async () => {
      const tenant = tenantOf()
      await store().threads.create(tenant, { id: 'top' })
      await store().threads.create(tenant, { id: 'child', parent_thread_id: 'top' })
      const ref = { tenant, thread_id: 'child' }
      const epoch = await loadEpoch(store(), ref)
      const summary = { status: 'running' as const, agent_id: 'x', active_run_id: 'r', message_count: 4, queue_revision: 2 }
      await store().engine.persist(batch(ref, epoch, [parked(1)], { summary }))
      const ids = async (filter: object): Promise<string[]> =>
        (await store().threads.list(tenant, filter, { limit: 9 })).items.map((row) => row.id)
      expect(await ids({ root: true })).toEqual(['top'])
      expect(await ids({ parent_thread_id: 'top' })).toEqual(['child'])
      expect(await ids({ status: 'running' })).toEqual(['child'])
      expect(await ids({ status: 'waiting' })).toEqual([])
      expect(await ids({ updated_after: Date.now() + 1000 })).toEqual([])
      expect(await store().threads.get(tenant, 'child')).toMatchObject({ ...summary, last_seq: 1 })
      const open = await store().threads.listOpen({ updated_before: Date.now() + 1000, limit: 500 })
      expect(open.filter((row) => row.tenant === tenant)).toMatchObject([{ id: 'child', status: 'running' }])
      const last = open.at(-1)
      if (last !== undefined)
        expect(await store().threads.listOpen({ updated_before: Date.now() + 1000, limit: 500, after: last })).toEqual([])
    })

    it('lists for the sweep what has something to do: an open run, or a queue that is not parked', async () => {
      const tenant = tenantOf()
      const listed = async (): Promise<string[]> =>
        (await store().threads.listOpen({ updated_before: Date.now() + 1000, limit: 500 })).flatMap((row) =>
          row.tenant === tenant ? row.id : [],
        )
      const snapshot = (last_seq: number, is: boolean) => ({ version: 1, event_seq: last_seq, parked: is }) as unknown as Snapshot
      const queue = [entry('a', { held_until: Date.now() + 600_000 })]
      const refs = ['held', 'parked', 'empty', 'deleted'].map((thread_id) => ({ tenant, thread_id }))
      for (const ref of refs) {
        const epoch = await loadEpoch(store(), ref)
        await store().engine.persist(batch(ref, epoch, [delivered(1, 'a', 'A')], { queue }))
        expect(await store().threads.get(tenant, ref.thread_id)).toMatchObject({ status: 'idle', parked: false })
      }
      expect(await listed()).toEqual(refs.map(({ thread_id }) => thread_id))
      const [, kept, empty] = refs as [ThreadRef, ThreadRef, ThreadRef]
      await store().engine.persist(batch(kept, 1, [parked(2, 1)], { snapshot: snapshot(2, true) }))
      await store().engine.persist(batch(empty, 1, [consumed(2, 1, 'a', 'run-1')], { queue: [] }))
      await store().threads.delete(tenant, 'deleted', 'detach')
      expect(await listed()).toEqual(['held'])
      expect(await store().threads.get(tenant, 'parked')).toMatchObject({ parked: true })
      // A replacement that is held goes before a queue that is parked: once its hold is over it starts.
      const replacement = { tenant, thread_id: 'replacement' }
      const held = entry('a', { held_until: Date.now() + 600_000, delivery: { ...delivery, boundary: 'interrupt' } })
      const epoch = await loadEpoch(store(), replacement)
      await store().engine.persist(batch(replacement, epoch, [delivered(1, 'a', 'A')], { queue: [held] }))
      await store().engine.persist(batch(replacement, epoch, [parked(2, 1)], { snapshot: snapshot(2, true) }))
      expect(await store().threads.get(tenant, 'replacement')).toMatchObject({ parked: true })
      expect((await listed()).toSorted()).toEqual(['held', 'replacement'])
      await store().threads.delete(tenant, 'replacement', 'detach')
      // What says nothing of the queue leaves it as it is.
      await store().engine.persist(
        batch(kept, 1, [event(3, 'QueueResumed', { pending_count: 1 })], { snapshot: snapshot(3, false) }),
      )
      expect((await listed()).toSorted()).toEqual(['held', 'parked'])
    })

    it('patches: custom by key, parents without cycles', async () => {
      const tenant = tenantOf()
      for (const id of ['a', 'b', 'c']) await store().threads.create(tenant, { id, custom: { keep: 1, drop: 2 } })
      expect(await store().threads.patch(tenant, 'a', { title: 'T', custom: { drop: null, add: 'x' } })).toMatchObject({
        title: 'T',
        custom: { keep: 1, add: 'x' },
      })
      expect((await store().threads.patch(tenant, 'a', {})) as object).not.toHaveProperty('custom.drop')
      expect(await store().threads.patch(tenant, 'b', { parent_thread_id: 'a' })).toMatchObject({ parent_thread_id: 'a' })
      expect(await store().threads.patch(tenant, 'c', { parent_thread_id: 'b' })).toMatchObject({ parent_thread_id: 'b' })
      expect(await store().threads.patch(tenant, 'a', { parent_thread_id: 'c' })).toBe('cycle')
      expect(await store().threads.patch(tenant, 'a', { parent_thread_id: 'a' })).toBe('cycle')
      expect(await store().threads.patch(tenant, 'a', { parent_thread_id: 'none' })).toBe('parent_not_found')
      expect(await store().threads.patch(tenant, 'none', { title: 'x' })).toBeNull()
      expect(await store().threads.get(tenant, 'a')).toMatchObject({ parent_thread_id: null })
    })

    it('two patches that would close a cycle together: one is refused', async () => {
      const tenant = tenantOf()
      for (const id of ['a', 'b']) await store().threads.create(tenant, { id })
      const both = await Promise.all([
        store().threads.patch(tenant, 'a', { parent_thread_id: 'b' }),
        store().threads.patch(tenant, 'b', { parent_thread_id: 'a' }),
      ])
      expect(both.filter((one) => one === 'cycle')).toHaveLength(1)
    })

    it('deletes with a tombstone that fences writers', async () => {
      const ref = freshRef(tenantOf())
      const epoch = await loadEpoch(store(), ref)
      const full = batch(ref, epoch, [committed(1, 1)], { runs: [run(ref, 'r1')], ledger: [ledgerEntry('c1')] })
      expect(await store().engine.persist(full)).toMatchObject({ status: 'stored' })
      expect(await store().threads.delete(ref.tenant, ref.thread_id, 'detach')).toEqual({
        status: 'deleted',
        ids: [ref.thread_id],
      })
      expect(await store().threads.get(ref.tenant, ref.thread_id)).toBe('deleted')
      expect(await store().threads.create(ref.tenant, { id: ref.thread_id })).toEqual({ status: 'deleted' })
      expect(await store().engine.load(ref)).toEqual({ status: 'deleted' })
      expect(await store().engine.persist(batch(ref, epoch, [parked(2)]))).toEqual({ status: 'deleted' })
      expect(await store().threads.delete(ref.tenant, ref.thread_id, 'detach')).toEqual({ status: 'not_found' })
      expect(await store().conversation.messagesBetween(ref, { after: 0, through: 99, limit: 9_999 })).toEqual([])
      expect(await store().conversation.getRun(ref.tenant, 'r1')).toBeNull()
      expect(await store().engine.findCommand(ref, 'c1')).toBeNull()
      expect(await store().conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, after_seq: 0, limit: 9 })).toEqual({
        events: [],
        last_seq: 0,
        kept_from: 1,
      })
      expect((await store().threads.list(ref.tenant, {}, { limit: 9 })).items).toEqual([])
      const key = { ...ref, run_id: 'r1', step: 1, attempt: 1 }
      await store().engine.stage(key, [{ part: 'text', value: 'late' }])
      expect(await store().engine.staged(key, 'text')).toBeUndefined()
    })

    it('are to be forgotten by the engine until that is noted, in the order of their deletion', async () => {
      const tenant = tenantOf()
      const waiting = async (): Promise<string[]> =>
        (await store().threads.listUnforgotten(1_000)).filter((ref) => ref.tenant === tenant).map(({ thread_id }) => thread_id)
      for (const id of ['a', 'b', 'c']) await store().threads.create(tenant, { id })
      expect(await waiting()).toEqual([])
      for (const id of ['c', 'b']) await store().threads.delete(tenant, id, 'detach')
      expect((await waiting()).sort()).toEqual(['b', 'c'])
      await store().threads.markForgotten({ tenant, thread_id: 'c' })
      await store().threads.markForgotten({ tenant, thread_id: 'a' })
      expect(await waiting()).toEqual(['b'])
      expect(await store().threads.get(tenant, 'a')).toMatchObject({ id: 'a' })
      await store().threads.delete(tenant, 'a', 'detach')
      expect(await waiting()).toContain('a')
    })

    it('treats children as asked', async () => {
      const tenant = tenantOf()
      for (const id of ['a', 'x']) await store().threads.create(tenant, { id })
      await store().threads.create(tenant, { id: 'b', parent_thread_id: 'a' })
      await store().threads.create(tenant, { id: 'c', parent_thread_id: 'b' })
      expect(await store().threads.delete(tenant, 'a', 'reject')).toEqual({ status: 'has_children' })
      expect(await store().threads.delete(tenant, 'a', 'detach')).toEqual({ status: 'deleted', ids: ['a'] })
      expect(await store().threads.get(tenant, 'b')).toMatchObject({ parent_thread_id: null })
      expect(await store().threads.delete(tenant, 'b', 'cascade')).toEqual({ status: 'deleted', ids: ['b', 'c'] })
      expect(await store().threads.get(tenant, 'c')).toBe('deleted')
      expect(await store().threads.delete(tenant, 'x', 'reject')).toEqual({ status: 'deleted', ids: ['x'] })
    })
  })
}
