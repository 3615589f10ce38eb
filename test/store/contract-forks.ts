import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { said, withCalls, type Said } from './forks.ts'
import { batch, committed, entry, delivered, event, freshRef, loadEpoch, parked, run } from './batches.ts'

const of = (message_count: number) => ({
  status: 'idle' as const,
  agent_id: null,
  active_run_id: null,
  message_count,
  queue_revision: 0,
})
const ALL = { order: 'asc', visibility: 'all' } as const

export function forksContract(store: () => Store): void {
  const fork = (tenant: string, source: string, at: number, id: string, more: object = {}) =>
    store().threads.fork(tenant, source, at, { id, ...more })
  const seqs = async (ref: Said, through = 99): Promise<string[]> =>
    (await store().conversation.messagesBetween(ref, { after: 0, through, limit: 9_999 })).map(
      (row) => `${row.message_seq}:${row.message_id}`,
    )
  const ids = (...numbers: number[]): string[] => numbers.map((n) => `${n}:m-${n}`)

  describe('forks', () => {
    it('have the history up to there, and go on by themselves', async () => {
      const source = await said(store(), 5)
      const child = freshRef(source.tenant)
      const made = await fork(source.tenant, source.thread_id, 3, child.thread_id, { title: 'T', custom: { k: 1 } })
      expect(made).toMatchObject({
        status: 'created',
        thread: {
          id: child.thread_id,
          title: 'T',
          custom: { k: 1 },
          parent_thread_id: null,
          forked_from_thread_id: source.thread_id,
          forked_at_seq: 3,
          message_count: 3,
          last_seq: 1,
          agent_id: 'of-run-1',
          status: 'idle',
        },
      })
      expect(made.status === 'created' && made.thread).toEqual(await store().threads.get(source.tenant, child.thread_id))
      const loaded = await store().engine.load(child)
      expect(loaded).toMatchObject({
        last_seq: 1,
        ledger: [],
        snapshot: {
          event_seq: 1,
          message_seq: 3,
          last_message_id: 'm-3',
          latest_agent_id: 'of-run-1',
          allowed_tools: [],
          queue: [],
        },
      })
      const { events } = await store().conversation.listEvents(child.tenant, {
        thread_id: child.thread_id,
        after_seq: 0,
        limit: 9,
      })
      expect(events).toMatchObject([
        {
          event_seq: 1,
          kind: 'ThreadForked',
          run_id: null,
          idempotency_key: `ThreadForked/${child.thread_id}`,
          payload: { parent_thread_id: source.thread_id, at_message_seq: 3, message_count: 3 },
        },
      ])
      await store().engine.persist(batch(child, 1, [{ ...committed(2, 4, 'of the child'), run_id: 'run-of-the-child' }]))
      await store().engine.persist(batch(source, 1, [committed(source.last_seq + 1, 6)]))
      expect(
        (await store().conversation.messagesBetween(child, { after: 0, through: 99, limit: 9_999 })).map((row) => [
          row.thread_id,
          row.content,
          row.run_id,
        ]),
      ).toEqual([
        ...[1, 2, 3].map((n) => [child.thread_id, `message ${n}`, 'run-1']),
        [child.thread_id, 'of the child', 'run-of-the-child'],
      ])
      expect(await seqs(child, 2)).toEqual(ids(1, 2))
      expect(await seqs(source)).toEqual(ids(1, 2, 3, 4, 5, 6))
    })

    it('page, filter and count over both parts', async () => {
      const source = await said(store(), 7)
      const child = freshRef(source.tenant)
      await fork(source.tenant, source.thread_id, 5, child.thread_id)
      expect(await store().conversation.listMessages(child, ALL, { limit: 2 })).toMatchObject({ total: 5, has_more: true })
      const epoch = await loadEpoch(store(), child)
      await store().engine.persist(
        batch(
          child,
          epoch,
          [6, 7, 8].map((n) => ({ ...committed(n - 4, n), run_id: 'own' })),
        ),
      )
      for (const order of ['asc', 'desc'] as const) {
        const seen: number[] = []
        for (let cursor = '', more = true; more;) {
          const page = await store().conversation.listMessages(child, { ...ALL, order }, { limit: 3, cursor })
          expect(page.total).toBe(8)
          seen.push(...page.items.map((row) => row.message_seq))
          cursor = page.next_cursor
          more = page.has_more
        }
        expect(seen).toEqual(order === 'asc' ? [1, 2, 3, 4, 5, 6, 7, 8] : [8, 7, 6, 5, 4, 3, 2, 1])
      }
      const list = async (filter: object, page: object = {}): Promise<[number, number[]]> => {
        const found = await store().conversation.listMessages(child, { ...ALL, ...filter }, { limit: 9, ...page })
        return [found.total, found.items.map((row) => row.message_seq)]
      }
      expect(await list({}, { offset: 4 })).toEqual([8, [5, 6, 7, 8]])
      expect(await list({}, { offset: 4, limit: 2 })).toEqual([8, [5, 6]])
      expect(await list({ after: 3, before: 7 })).toEqual([3, [4, 5, 6]])
      expect(await list({ after: 3, before: 7 }, { limit: 1 })).toEqual([3, [4]])
      expect(await list({ run_id: 'run-1' })).toEqual([5, [1, 2, 3, 4, 5]])
      expect(await list({ run_id: 'own' }, { limit: 2 })).toEqual([3, [6, 7]])
      expect(await list({ visibility: 'internal' })).toEqual([0, []])
      const rows = await store().conversation.messagesByIds(child, ['m-8', 'm-2', 'none', 'm-6'])
      expect(rows.map((row) => [row.message_seq, row.thread_id])).toEqual([8, 2, 6].map((n) => [n, child.thread_id]))
      await store().engine.persist(batch(child, epoch, [delivered(5, 'waits', 'x')], { queue: [entry('waits')] }))
      expect((await store().conversation.knownMessageIds(child, ['m-1', 'm-7', 'waits', 'none'])).sort()).toEqual([
        'm-1',
        'm-7',
        'waits',
      ])
      expect(await store().conversation.knownMessageIds(child, ['m-9'])).toEqual([])
    })

    it('of forks name those who have the rows', async () => {
      const a = await said(store(), 4)
      const [b, c, d] = [freshRef(a.tenant), freshRef(a.tenant), freshRef(a.tenant)]
      await fork(a.tenant, a.thread_id, 3, b.thread_id)
      await store().engine.persist(
        batch(b, await loadEpoch(store(), b), [committed(2, 4, 'b4'), committed(3, 5, 'b5')], { summary: of(5) }),
      )
      expect(await fork(a.tenant, b.thread_id, 5, c.thread_id)).toMatchObject({ thread: { forked_from_thread_id: b.thread_id } })
      expect(await fork(a.tenant, b.thread_id, 2, d.thread_id)).toMatchObject({ status: 'created' })
      await store().engine.persist(batch(c, await loadEpoch(store(), c), [committed(2, 6, 'c6')], { summary: of(6) }))
      const texts = async (ref: Said): Promise<unknown[]> =>
        (await store().conversation.messagesBetween(ref, { after: 0, through: 99, limit: 9_999 })).map((row) => row.content)
      const [bs, cs, ds] = [
        ['message 1', 'message 2', 'message 3', 'b4', 'b5'],
        ['message 1', 'message 2', 'message 3', 'b4', 'b5', 'c6'],
        ['message 1', 'message 2'],
      ]
      const check = async (): Promise<void> => {
        expect(await texts(c)).toEqual(cs)
        expect(await texts(d)).toEqual(ds)
      }
      expect(await texts(b)).toEqual(bs)
      await check()
      // The middle one goes, then the first: what is left has its history by then in rows of its own.
      expect(await store().threads.delete(a.tenant, b.thread_id, 'reject')).toMatchObject({ status: 'deleted' })
      expect(await texts(b)).toEqual([])
      await check()
      const e = freshRef(a.tenant)
      await fork(a.tenant, c.thread_id, 5, e.thread_id)
      expect(await texts(e)).toEqual(cs?.slice(0, 5))
      await store().threads.delete(a.tenant, a.thread_id, 'detach')
      await check()
      expect(await texts(e)).toEqual(cs?.slice(0, 5))
      await store().threads.delete(a.tenant, c.thread_id, 'detach')
      expect(await texts(e)).toEqual(cs?.slice(0, 5))
      expect((await store().conversation.listMessages(e, ALL, { limit: 1 })).total).toBe(5)
    })

    it('are made whole before their source goes, however long it is', async () => {
      const source = await said(store(), 2_300)
      const child = freshRef(source.tenant)
      await fork(source.tenant, source.thread_id, 2_200, child.thread_id)
      const before = await store().conversation.messagesBetween(child, { after: 0, through: 9_999, limit: 9_999 })
      await store().threads.delete(source.tenant, source.thread_id, 'detach')
      expect(await store().conversation.messagesBetween(child, { after: 0, through: 9_999, limit: 9_999 })).toEqual(before)
      expect(before).toHaveLength(2_200)
    }, 30_000)

    it('leave nothing behind when they are deleted themselves', async () => {
      const source = await said(store(), 2)
      const child = freshRef(source.tenant)
      await fork(source.tenant, source.thread_id, 2, child.thread_id)
      await store().threads.delete(child.tenant, child.thread_id, 'detach')
      expect(await seqs(child)).toEqual([])
      await store().threads.delete(source.tenant, source.thread_id, 'detach')
      expect(await seqs(child)).toEqual([])
      expect(await fork(source.tenant, source.thread_id, 1, freshRef().thread_id)).toEqual({ status: 'source_deleted' })
      expect(await fork(source.tenant, 'none', 1, freshRef().thread_id)).toEqual({ status: 'source_not_found' })
    })

    it('keep the shared state of that moment, and the agent of its run', async () => {
      const ref = freshRef()
      const patch = (seq: number, state_patch: object) =>
        event(seq, 'ThreadUpdated', { reason: 'state_patched', state_patch: state_patch as never })
      const second = { ...committed(4, 2), run_id: 'run-2' }
      await store().engine.persist(
        batch(
          ref,
          await loadEpoch(store(), ref),
          [committed(1, 1), patch(2, { a: 1, b: 2 }), patch(3, { b: null }), second, patch(5, { c: 3 })],
          {
            runs: [run(ref, 'run-1', { agent_id: 'first' }), run(ref, 'run-2', { agent_id: 'second', created_at: 2_000 })],
            summary: { status: 'running', agent_id: 'second', active_run_id: 'run-2', message_count: 2, queue_revision: 0 },
          },
        ),
      )
      const stateAt = async (source: Said, at: number): Promise<unknown[]> => {
        const child = freshRef()
        const made = await fork(ref.tenant, source.thread_id, at, child.thread_id)
        return [await store().engine.sharedState(child), made.status === 'created' && made.thread.agent_id, child]
      }
      expect((await stateAt(ref, 1)).slice(0, 2)).toEqual([{}, 'first'])
      const [state, agent, child] = await stateAt(ref, 2)
      expect([state, agent]).toEqual([{ a: 1 }, 'second'])
      // The child's own log begins with what it was given.
      await store().engine.persist(
        batch(child as Said, await loadEpoch(store(), child as Said), [patch(2, { d: 4 }), committed(3, 3)], {
          runs: [run(child as Said, 'run-1', { agent_id: 'third' })],
          summary: { status: 'idle', agent_id: 'third', active_run_id: null, message_count: 3, queue_revision: 0 },
        }),
      )
      expect((await stateAt(child as Said, 3)).slice(0, 2)).toEqual([{ a: 1, d: 4 }, 'third'])
    })

    it('are refused where nothing is, and where a call would be left without its result', async () => {
      const ref = await withCalls(store())
      const at = (n: number) => fork(ref.tenant, ref.thread_id, n, freshRef().thread_id)
      expect(await at(9)).toEqual({ status: 'no_such_message', last_seq: 8 })
      expect(await at(1)).toMatchObject({ status: 'created' })
      for (const n of [2, 3]) expect(await at(n)).toEqual({ status: 'open_calls', before: 1, after: 4 })
      expect(await at(4)).toMatchObject({ status: 'created' })
      expect(await at(5)).toMatchObject({ status: 'created' })
      // Its second call still runs.
      for (const n of [7, 8]) expect(await at(n)).toEqual({ status: 'open_calls', before: 6, after: null })
      const child = freshRef()
      await fork(ref.tenant, ref.thread_id, 4, child.thread_id)
      expect(await fork(ref.tenant, child.thread_id, 3, freshRef().thread_id)).toEqual({
        status: 'open_calls',
        before: 1,
        after: 4,
      })
      expect(await fork(ref.tenant, child.thread_id, 5, freshRef().thread_id)).toEqual({ status: 'no_such_message', last_seq: 4 })
      expect(await fork(ref.tenant, ref.thread_id, 4, child.thread_id)).toEqual({ status: 'exists' })
      expect(await fork(ref.tenant, ref.thread_id, 4, freshRef().thread_id, { parent_thread_id: 'none' })).toEqual({
        status: 'parent_not_found',
      })
      expect(await fork('other', ref.thread_id, 4, freshRef().thread_id)).toEqual({ status: 'source_not_found' })
    })

    it('of a source that is being deleted are whole or refused', async () => {
      const source = await said(store(), 50)
      const children = Array.from({ length: 6 }, () => freshRef(source.tenant))
      const work = children.map((child) => fork(source.tenant, source.thread_id, 50, child.thread_id))
      void work.splice(3, 0, store().threads.delete(source.tenant, source.thread_id, 'detach') as never)
      await Promise.all(work)
      for (const child of children) {
        const row = await store().threads.get(child.tenant, child.thread_id)
        expect((await seqs(child)).length).toBe(row === null ? 0 : 50)
      }
      await store().engine.persist(batch(source, 1, [parked(source.last_seq + 1)]))
    })
  })
}
