import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { batch, committed, delivered, entry, freshRef, loadEpoch, parked, run } from './batches.ts'

export function conversationContract(store: () => Store): void {
  describe('conversation', () => {
    it('pages messages both ways, within bounds', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(
        batch(
          ref,
          epoch,
          [1, 2, 3, 4, 5].map((n) => committed(n, n)),
        ),
      )
      const filter = { order: 'asc', visibility: 'all' } as const
      const first = await store().conversation.listMessages(ref, filter, { limit: 2 })
      expect(first).toMatchObject({ total: 5, has_more: true, items: [{ message_seq: 1 }, { message_seq: 2 }] })
      const rest = await store().conversation.listMessages(ref, filter, { limit: 9, cursor: first.next_cursor })
      expect(rest.items.map((row) => row.message_seq)).toEqual([3, 4, 5])
      const back = await store().conversation.listMessages(
        ref,
        { order: 'desc', visibility: 'all', after: 1, before: 5 },
        { limit: 2 },
      )
      expect(back).toMatchObject({ total: 3, has_more: true, items: [{ message_seq: 4 }, { message_seq: 3 }] })
      expect((await store().conversation.listMessages(ref, { order: 'asc', visibility: 'internal' }, { limit: 9 })).total).toBe(0)
      expect((await store().conversation.listMessages(ref, { ...filter, run_id: 'run-1' }, { limit: 9 })).total).toBe(5)
      expect(await store().conversation.messagesBetween(ref, { after: 0, through: 3, limit: 9_999 })).toHaveLength(3)
    })

    it('counts as many messages as it lists, whatever is asked for', async () => {
      const source = freshRef()
      const events = [1, 2, 3, 4, 5, 6].map((n) => {
        const event = committed(n, n)
        if (event.kind === 'MessageCommitted' && n % 3 === 0) event.payload.visibility = 'internal'
        return event
      })
      await store().engine.persist(batch(source, await loadEpoch(store(), source), events))
      const child = freshRef(source.tenant)
      await store().threads.fork(source.tenant, source.thread_id, 4, { id: child.thread_id })
      for (const ref of [source, child, freshRef()])
        for (const visibility of ['external', 'internal', 'all'] as const)
          for (const after of [undefined, 0, 2, 9])
            for (const before of [undefined, 1, 4, 9]) {
              const bounds = { ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) }
              const page = await store().conversation.listMessages(ref, { order: 'asc', visibility, ...bounds }, { limit: 9 })
              expect({ visibility, ...bounds, total: page.total }).toEqual({ visibility, ...bounds, total: page.items.length })
            }
    })

    it('counts them where some are known to be lost', async () => {
      const ref = freshRef()
      await store().engine.persist(batch(ref, await loadEpoch(store(), ref), [committed(1, 1), committed(2, 4)]))
      await store().repair.noteLost(ref, [{ what: 'messages', from_seq: 2, to_seq: 3, ref: '' }])
      for (const visibility of ['external', 'all'] as const) {
        const page = await store().conversation.listMessages(ref, { order: 'asc', visibility }, { limit: 9 })
        expect([page.total, page.items.length]).toEqual([2, 2])
      }
    })

    it('reads long transcripts whole', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const events = Array.from({ length: 1_203 }, (_, n) => committed(n + 1, n + 1))
      await store().engine.persist(batch(ref, epoch, events))
      const rows = await store().conversation.messagesBetween(ref, { after: 0, through: 1_200, limit: 9_999 })
      expect(rows.map((row) => row.message_seq)).toEqual(Array.from({ length: 1_200 }, (_, n) => n + 1))
    })

    it('lists events after a number, of a thread or one of its runs', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const stored = await store().engine.persist(batch(ref, epoch, [parked(1), committed(2, 1), parked(3), committed(4, 2)]))
      const list = (query: object): ReturnType<Store['conversation']['listEvents']> =>
        store().conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, after_seq: 0, limit: 99, ...query })
      expect(await list({})).toEqual({ events: stored.status === 'stored' && stored.events, last_seq: 4, kept_from: 1 })
      expect((await list({ after_seq: 1, limit: 2 })).events.map((one) => one.event_seq)).toEqual([2, 3])
      expect((await list({ run_id: 'run-1' })).events.map((one) => one.event_seq)).toEqual([2, 4])
      expect(await list({ after_seq: 4 })).toEqual({ events: [], last_seq: 4, kept_from: 1 })
      expect(await store().conversation.listEvents('other', { thread_id: ref.thread_id, after_seq: 0, limit: 9 })).toEqual({
        events: [],
        last_seq: 0,
        kept_from: 1,
      })
    })

    it('keeps the queue in its order and the content apart', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(
        batch(ref, epoch, [delivered(1, 'a', 'A'), delivered(2, 'b', [{ type: 'text', text: 'B' }])], {
          queue: [entry('b'), entry('a')],
        }),
      )
      expect(await store().conversation.listPending(ref)).toMatchObject([
        { pending_id: 'b', position: 1, content: [{ type: 'text', text: 'B' }] },
        { pending_id: 'a', position: 2, content: 'A' },
      ])
      await store().engine.persist(batch(ref, epoch, [parked(3)]))
      expect(await store().conversation.listPending(ref)).toHaveLength(2)
      await store().engine.persist(batch(ref, epoch, [parked(4)], { queue: [] }))
      expect(await store().conversation.listPending(ref)).toEqual([])
    })

    it('lists runs and dispatches newest first', async () => {
      const ref = freshRef(`tenant-of-runs-${process.pid}`)
      const epoch = await loadEpoch(store(), ref)
      const runs = [1, 2, 3].map((n) => run(ref, `r${n}`, { created_at: n, status: n === 2 ? 'done' : 'created' }))
      await store().engine.persist(batch(ref, epoch, [parked(1)], { runs: [...runs, ...runs.slice(0, 1)] }))
      const first = await store().conversation.listRuns(ref.tenant, {}, { limit: 2 })
      expect(first).toMatchObject({ total: 3, has_more: true, items: [{ run_id: 'r3' }, { run_id: 'r2' }] })
      const second = await store().conversation.listRuns(ref.tenant, {}, { limit: 2, cursor: first.next_cursor })
      expect(second.items.map((one) => one.run_id)).toEqual(['r1'])
      expect(
        (await store().conversation.listRuns(ref.tenant, { status: 'done', thread_id: ref.thread_id }, { limit: 9 })).items,
      ).toHaveLength(1)
      expect(await store().conversation.latestRun(ref)).toMatchObject({ run_id: 'r3' })
      expect(await store().conversation.latestRun(freshRef())).toBeNull()
      const dispatches = await store().conversation.listDispatches(ref.tenant, { status: 'claimed' }, { limit: 9 })
      expect(dispatches.items.map((one) => one.dispatch_id)).toEqual(['dispatch-of-r3', 'dispatch-of-r1'])
      expect(await store().conversation.getRun('other', 'r1')).toBeNull()
    })

    it('finds a run by its thread where two have its id, and a dispatch by its own', async () => {
      const tenant = `tenant-of-twins-${process.pid}`
      const [one, two] = [freshRef(tenant), freshRef(tenant)]
      for (const [ref, created_at] of [
        [one, 5],
        [two, 9],
      ] as const) {
        const epoch = await loadEpoch(store(), ref)
        await store().engine.persist(batch(ref, epoch, [parked(1)], { runs: [run(ref, 'durable-msg-m1', { created_at })] }))
      }
      const found = async (thread_id?: string): Promise<string | undefined> =>
        (await store().conversation.getRun(tenant, 'durable-msg-m1', thread_id))?.thread_id
      expect(await found(one.thread_id)).toBe(one.thread_id)
      expect(await found(two.thread_id)).toBe(two.thread_id)
      expect(await found()).toBe(two.thread_id)
      expect(await found('none')).toBeUndefined()
      const dispatch = await store().conversation.findDispatch(tenant, 'dispatch-of-durable-msg-m1')
      expect(dispatch).toEqual(run(two, 'durable-msg-m1', { created_at: 9 }).dispatch)
      expect(await store().conversation.findDispatch(tenant, 'none')).toBeNull()
      expect(await store().conversation.findDispatch('other', 'dispatch-of-durable-msg-m1')).toBeNull()
    })

    it('counts dispatches that are not acked, over all tenants', async () => {
      const before = new Map((await store().conversation.countDispatches()).map((one) => [one.status, one.count]))
      expect([...before.keys()].sort()).toEqual(['cancelled', 'claimed', 'dead_letter', 'queued', 'superseded'])
      for (const tenant of ['counted-1', 'counted-2']) {
        const ref = freshRef(tenant)
        const epoch = await loadEpoch(store(), ref)
        const runs = (['queued', 'queued', 'dead_letter', 'acked'] as const).map((status, index) => {
          const made = run(ref, `${ref.thread_id}-${index}`)
          return { ...made, dispatch: { ...made.dispatch, status } }
        })
        await store().engine.persist(batch(ref, epoch, [parked(1)], { runs }))
      }
      const after = await store().conversation.countDispatches()
      const more = after.map(({ status, count }) => [status, count - (before.get(status) ?? 0)])
      expect(Object.fromEntries(more)).toEqual({ queued: 4, claimed: 0, cancelled: 0, superseded: 0, dead_letter: 2 })
    })

    it('reads messages by their ids, in the order of these', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(batch(ref, epoch, [committed(1, 1), committed(2, 2), committed(3, 3)]))
      const rows = await store().conversation.messagesByIds(ref, ['m-3', 'none', 'm-1'])
      const transcript = await store().conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 })
      expect(rows).toEqual([transcript[2], transcript[0]])
      expect(await store().conversation.messagesByIds(ref, [])).toEqual([])
      expect(await store().conversation.messagesByIds({ ...ref, tenant: 'other' }, ['m-1'])).toEqual([])
    })

    it('reads the shared state of the latest snapshot, empty where there is none', async () => {
      const ref = freshRef()
      expect(await store().engine.sharedState(ref)).toEqual({})
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(batch(ref, epoch, [parked(1)]))
      expect(await store().engine.sharedState(ref)).toEqual({})
      for (const [seq, shared] of [
        [2, { step: 'one' }],
        [3, { deep: { a: [1, null] }, text: 'x' }],
      ] as const) {
        await store().engine.persist(batch(ref, epoch, [parked(seq)], { snapshot: { version: 1, shared } as never }))
        expect(await store().engine.sharedState(ref)).toEqual(shared)
      }
      expect(await store().engine.sharedState({ ...ref, tenant: 'other' })).toEqual({})
    })

    it('keeps agent versions as they were first saved', async () => {
      const version = `v-${freshRef().thread_id}`
      await store().agents.save([{ agent_id: 'a', version, spec: { n: 1 } }])
      await store().agents.save([{ agent_id: 'a', version, spec: { n: 2 } }])
      expect(await store().agents.get(version)).toEqual({ agent_id: 'a', spec: { n: 1 } })
      expect(await store().agents.get('none')).toBeNull()
    })
  })
}
