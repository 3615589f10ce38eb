import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import type { PersistBatch, ThreadRef } from '../../src/thread/ports.ts'
import { batch, committed, freshRef, ledgerEntry, loadEpoch, parked, run } from './batches.ts'

/** A thread's row with its first batch, in one call, beside loading it and storing the batch. */
export function beginContract(store: () => Store): void {
  describe('a thread that begins with its first batch', () => {
    const first = (ref: ThreadRef): PersistBatch =>
      batch(ref, 1, [committed(1, 1), parked(2)], {
        runs: [run(ref, 'run-1')],
        ledger: [ledgerEntry('c1', 1_000)],
        summary: { status: 'running', agent_id: 'default', active_run_id: 'run-1', message_count: 1, queue_revision: 0 },
      })

    /** All that can be read of a thread, without its name and its times. */
    async function contents(ref: ThreadRef): Promise<unknown> {
      const { conversation, engine, threads } = store()
      const seen = {
        thread: await threads.get(ref.tenant, ref.thread_id),
        events: await conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, after_seq: 0, limit: 9 }),
        messages: await conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9 }),
        run: await conversation.getRun(ref.tenant, 'run-1', ref.thread_id),
        command: await engine.findCommand(ref, 'c1'),
        loaded: await engine.load(ref),
      }
      const text = JSON.stringify(seen).replaceAll(ref.thread_id, 'the thread')
      return JSON.parse(text.replaceAll(/"(created_at|updated_at)":\d+/g, '"$1":0')) as unknown
    }

    it('has what it would have if it had been loaded first', async () => {
      const [at_once, loaded_first] = [freshRef(), freshRef()]
      const { events, ...result } = (await store().engine.begin(first(at_once))) ?? {}
      expect(result).toEqual({ status: 'stored', last_seq: 2 })
      expect(events?.map(({ event_seq }) => event_seq)).toEqual([1, 2])
      expect(await loadEpoch(store(), loaded_first)).toBe(1)
      await store().engine.persist(first(loaded_first))
      expect(await contents(at_once)).toEqual(await contents(loaded_first))
    })

    it('begins as well where it was only created, and keeps what it was created with', async () => {
      const ref = freshRef()
      await store().threads.create(ref.tenant, { id: ref.thread_id, title: 'by hand', custom: { a: 1 } })
      expect(await store().engine.lookUp(ref, null)).toEqual({ thread: 'empty', command: null })
      expect(await store().engine.begin(first(ref))).toMatchObject({ status: 'stored', last_seq: 2 })
      expect(await store().engine.lookUp(ref, null)).toMatchObject({ thread: 'there' })
      const row = await store().threads.get(ref.tenant, ref.thread_id)
      expect(row).toMatchObject({ title: 'by hand', custom: { a: 1 }, status: 'running', last_seq: 2 })
      expect(await store().engine.begin(first(ref))).toBeNull()
      expect(await loadEpoch(store(), ref)).toBe(2)
    })

    it('does not begin where somebody has loaded it already, or where it was deleted', async () => {
      const ref = freshRef()
      expect(await loadEpoch(store(), ref)).toBe(1)
      expect(await store().engine.begin(first(ref))).toBeNull()
      expect(await store().conversation.getRun(ref.tenant, 'run-1', ref.thread_id)).toBeNull()

      await store().threads.delete(ref.tenant, ref.thread_id, 'detach')
      expect(await store().engine.begin(first(ref))).toBeNull()
      expect(await store().threads.get(ref.tenant, ref.thread_id)).toBe('deleted')
    })

    it('begins once when two try at the same time', async () => {
      const ref = freshRef()
      const both = await Promise.all([store().engine.begin(first(ref)), store().engine.begin(first(ref))])
      expect(both.filter((result) => result !== null)).toHaveLength(1)
    })

    it('leaves it to the longer way where values are to be looked up', async () => {
      const ref = freshRef()
      const content = [{ at: ['content'], ref: { from: 'pending' as const, pending_id: 'p1' } }]
      expect(await store().engine.begin(batch(ref, 1, [committed(1, 1, '', content)]))).toBeNull()
      expect(await store().threads.get(ref.tenant, ref.thread_id)).toBeNull()
    })

    it('leaves a first command that led to nothing to the longer way, which notes its answer alone', async () => {
      const ref = freshRef()
      expect(await store().engine.begin({ ...first(ref), events: [], last_seq: 0, runs: [] })).toBeNull()
      expect(await store().threads.get(ref.tenant, ref.thread_id)).toBeNull()
    })
  })
}
