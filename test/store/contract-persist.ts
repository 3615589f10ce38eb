import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { unpacked } from '../../src/thread/packed.ts'
import { batch, committed, consumed, delivered, entry, freshRef, ledgerEntry, loadEpoch, parked, run } from './batches.ts'

export function persistContract(store: () => Store): void {
  describe('load and persist', () => {
    it('makes an unknown thread and gives each life its own epoch', async () => {
      const ref = freshRef()
      expect(await store().engine.load(ref)).toEqual({ status: 'loaded', epoch: 1, last_seq: 0, snapshot: null, ledger: [] })
      expect(await store().engine.load(ref)).toMatchObject({ epoch: 2 })
      expect(await store().threads.get(ref.tenant, ref.thread_id)).toMatchObject({ status: 'idle' })
    })

    it('replaces a stored refusal by what was applied instead, and nothing else', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const refused = {
        ...ledgerEntry('c1'),
        reply: { ok: false, rejection: { code: 'x', message: 'no' }, event_seq: 0 },
      } as never
      const applied = ledgerEntry('c1')
      const other = { ...ledgerEntry('c1'), body_hash: 'other' }
      const kept = async () => (await store().engine.findCommand(ref, 'c1'))?.body_hash
      await store().engine.persist(batch(ref, epoch, [parked(1)], { ledger: [refused] }))
      expect((await store().engine.findCommand(ref, 'c1'))?.reply.ok).toBe(false)
      await store().engine.persist(batch(ref, epoch, [parked(2)], { ledger: [applied, applied] }))
      expect((await store().engine.findCommand(ref, 'c1'))?.reply.ok).toBe(true)
      await store().engine.persist(batch(ref, epoch, [parked(3)], { ledger: [other] }))
      expect(await kept()).toBe(applied.body_hash)
    })

    it('gives snapshot, numbers and the last day of the ledger back', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const now = Date.now()
      const ledger = [ledgerEntry('old', now - 25 * 3_600_000), ledgerEntry('second', now - 10), ledgerEntry('first', now - 20)]
      const snapshot = { version: 1, queue: [], deep: { a: [1, 'x', null] } } as never
      await store().engine.persist(batch(ref, epoch, [parked(1), parked(2)], { ledger, snapshot }))
      const loaded = await store().engine.load(ref)
      expect(loaded).toMatchObject({ epoch: epoch + 1, last_seq: 2, snapshot })
      expect(loaded.status === 'loaded' && loaded.ledger.map((one) => one.command_id)).toEqual(['first', 'second'])
      // An execution that is given everything once more must know all of it, as of now.
      const all = await store().engine.load({ ...ref, all_commands: true })
      expect(all.status === 'loaded' && all.ledger.map((one) => one.command_id)).toEqual(['old', 'first', 'second'])
      expect(all.status === 'loaded' && all.ledger.every(({ at }) => at > now - 13 * 3_600_000)).toBe(true)
      expect(await store().engine.findCommand(ref, 'old')).toEqual(ledger[0])
      expect(await store().engine.findCommand(ref, 'none')).toBeNull()
    })

    it('says in one statement whether a thread is there and what became of a command', async () => {
      const ref = freshRef()
      const { engine, threads } = store()
      expect(await engine.lookUp(ref, 'c1')).toEqual({ thread: null, command: null })
      const entry = ledgerEntry('c1', 1_000)
      await engine.persist(batch(ref, await loadEpoch(store(), ref), [parked(1)], { ledger: [entry] }))
      expect(await engine.lookUp(ref, 'c1')).toEqual({ thread: 'there', command: entry })
      expect(await engine.lookUp(ref, 'c1')).toEqual({ thread: 'there', command: await engine.findCommand(ref, 'c1') })
      expect(await engine.lookUp(ref, 'c2')).toEqual({ thread: 'there', command: null })
      expect(await engine.lookUp(ref, null)).toEqual({ thread: 'there', command: null })
      expect(await engine.lookUp({ ...ref, tenant: 'other' }, 'c1')).toEqual({ thread: null, command: null })
      await threads.delete(ref.tenant, ref.thread_id, 'detach')
      expect(await engine.lookUp(ref, 'c1')).toEqual({ thread: 'deleted', command: null })
    })

    it('puts what waits into the snapshot as it comes', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const waiting = '{"queue":[["p","r","default",1,{"metadata":{"odd":"a\\\\u0000b\\u0000c \\"ü\\""}}]],"runs":[[0,3]]}'
      const snapshot = { version: 1, event_seq: 1, thread_id: ref.thread_id, queue: [], runs: {} } as never
      await store().engine.persist(batch(ref, epoch, [parked(1)], { snapshot, waiting }))
      const loaded = await store().engine.load(ref)
      if (loaded.status !== 'loaded' || loaded.snapshot === null) throw new Error('it has no snapshot')
      const { queue, runs } = unpacked(loaded.snapshot)
      expect(queue).toMatchObject([{ pending_id: 'p', metadata: { odd: 'a\\u0000b\ufffdc "ü"' } }])
      expect(runs).toMatchObject({ r: { phase: 'queued', record: { run_id: 'r', thread_id: ref.thread_id, status: 'created' } } })
      expect((await store().repair.facts(ref))?.snapshot).toMatchObject({ queue, runs })
    })

    it('of a batch that is partly stored, the queue is that of its end', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(batch(ref, epoch, [delivered(1, 'p', 'P')], { queue: [entry('p')] }))
      expect(await store().conversation.listPending(ref)).toHaveLength(1)
      // As a whole it leaves the queue as it was before.
      const snapshot = { version: 1, event_seq: 2, queue: [], runs: {} } as never
      const whole = [delivered(1, 'p', 'P'), consumed(2, 1, 'p', 'run-1')]
      expect(await store().engine.persist(batch(ref, epoch, whole, { snapshot }))).toMatchObject({
        status: 'stored',
        last_seq: 2,
      })
      expect(await store().conversation.listPending(ref)).toEqual([])
      const passing = [delivered(3, 'q', 'Q'), consumed(4, 2, 'q', 'run-1')]
      await store().engine.persist(batch(ref, epoch, passing))
      expect(await store().conversation.listPending(ref)).toEqual([])
      expect((await store().conversation.messagesByIds(ref, ['p', 'q'])).map(({ content }) => content)).toEqual(['P', 'Q'])
      expect((await store().repair.facts(ref))?.pending).toEqual([])
    })

    it('the identical batch again succeeds and changes nothing', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const first = batch(ref, epoch, [committed(1, 1), committed(2, 2)], { runs: [run(ref, 'r')], ledger: [ledgerEntry('c')] })
      expect(await store().engine.persist(first)).toMatchObject({
        status: 'stored',
        last_seq: 2,
        events: [{ event_seq: 1 }, { event_seq: 2 }],
      })
      const before = await everything(store(), ref)
      expect(await store().engine.persist(structuredClone(first))).toEqual({ status: 'stored', last_seq: 2, events: [] })
      expect(await everything(store(), ref)).toEqual(before)
    })

    it('an old batch again sets nothing back', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const first = batch(ref, epoch, [committed(1, 1)], { runs: [run(ref, `${ref.thread_id}-r`)] })
      await store().engine.persist(first)
      await store().engine.persist(
        batch(ref, epoch, [committed(2, 2)], { runs: [run(ref, `${ref.thread_id}-r`, { status: 'done' })] }),
      )
      expect(await store().engine.persist(first)).toEqual({ status: 'stored', last_seq: 2, events: [] })
      expect(await store().conversation.getRun(ref.tenant, `${ref.thread_id}-r`)).toMatchObject({ status: 'done' })
      expect(await store().engine.load(ref)).toMatchObject({ last_seq: 2, snapshot: { event_seq: 2 } })
    })

    it('gives a run one end: nothing opens it or its dispatch again, and a later end does not count', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const run_id = `${ref.thread_id}-r`
      const ended = run(ref, run_id, { status: 'done', termination: { type: 'natural_end' }, final_output: 'first' })
      await store().engine.persist(batch(ref, epoch, [committed(1, 1)], { runs: [run(ref, run_id)] }))
      await store().engine.persist(batch(ref, epoch, [committed(2, 2)], { runs: [ended] }))
      const before = await readRun(store(), ref, run_id)
      expect(before).toMatchObject([{ final_output: 'first' }, { status: 'acked' }, [], [{ run_id }]])
      const later = { termination: { type: 'cancelled' }, final_output: 'second' } as const
      for (const [index, over] of [{ status: 'running' }, { status: 'created' }, { status: 'done', ...later }].entries()) {
        const again = run(ref, run_id, over as object)
        const other = run(ref, `${run_id}-${String(index)}`)
        const seq = 3 + index
        const result = await store().engine.persist(batch(ref, epoch, [committed(seq, seq)], { runs: [again, other] }))
        expect(result).toMatchObject({ status: 'stored' })
        expect(await store().conversation.getRun(ref.tenant, other.record.run_id)).toEqual(other.record)
        expect((await readRun(store(), ref, run_id)).slice(0, 2)).toEqual(before.slice(0, 2))
      }
    })

    it('takes what is new of an overlapping batch', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const events = [1, 2, 3, 4].map((n) => committed(n, n))
      await store().engine.persist(batch(ref, epoch, events.slice(0, 2)))
      const result = await store().engine.persist(batch(ref, epoch, events.slice(1)))
      expect(result).toMatchObject({ status: 'stored', last_seq: 4, events: [{ event_seq: 3 }, { event_seq: 4 }] })
      expect(
        (await store().conversation.messagesBetween(ref, { after: 0, through: 99, limit: 9_999 })).map((row) => row.message_seq),
      ).toEqual([1, 2, 3, 4])
    })

    it('refuses another event under a stored number', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(batch(ref, epoch, [parked(1, 7)]))
      expect(await store().engine.persist(batch(ref, epoch, [parked(1, 8), parked(2)]))).toEqual({ status: 'conflict' })
      expect(await store().engine.load(ref)).toMatchObject({ last_seq: 1 })
    })

    it('compares events whatever the order of their keys', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const one = parked(1, 7)
      await store().engine.persist(batch(ref, epoch, [one]))
      const turned = Object.fromEntries(Object.entries(one).reverse()) as typeof one
      expect(await store().engine.persist(batch(ref, epoch, [turned]))).toMatchObject({ status: 'stored' })
    })

    it('fences the writer of an earlier life', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await loadEpoch(store(), ref)
      expect(await store().engine.persist(batch(ref, epoch, [parked(1)]))).toEqual({ status: 'fenced' })
    })

    it('meets a gap when the store is behind, with and without events', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(batch(ref, epoch, [parked(1)]))
      expect(await store().engine.persist(batch(ref, epoch, [parked(3)]))).toEqual({ status: 'gap', last_seq: 1 })
      expect(await store().engine.persist(batch(ref, epoch, [], { last_seq: 2 }))).toEqual({ status: 'gap', last_seq: 1 })
      expect(await store().engine.persist(batch(freshRef(), 3, [parked(5)]))).toEqual({ status: 'gap', last_seq: 0 })
      // A life whose loading is not in the restored backup is behind too; it must not load again and number anew.
      expect(await store().engine.persist(batch(ref, epoch + 1, [parked(3)]))).toEqual({ status: 'gap', last_seq: 1 })
    })

    it('stores ledger entries without events', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      expect(await store().engine.persist(batch(ref, epoch, [], { ledger: [ledgerEntry('refused')] }))).toMatchObject({
        status: 'stored',
        last_seq: 0,
      })
      expect(await store().engine.findCommand(ref, 'refused')).toMatchObject({ command_id: 'refused' })
    })

    it('of twenty writers at once, all land, each once', async () => {
      const refs = Array.from({ length: 20 }, () => freshRef())
      await Promise.all(
        refs.map(async (ref) => {
          const epoch = await loadEpoch(store(), ref)
          const first = batch(ref, epoch, [committed(1, 1)])
          await Promise.all([store().engine.persist(first), store().engine.persist(first)])
          await store().engine.persist(batch(ref, epoch, [committed(2, 2)]))
        }),
      )
      for (const ref of refs)
        expect(await store().conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 })).toHaveLength(2)
    })

    it('makes text safe that Postgres cannot hold', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const odd = 'nul \0 lone \ud800 pair \u{1f600} literal \\u0000'
      const safe = 'nul \ufffd lone \ufffd pair \u{1f600} literal \\u0000'
      const event = committed(1, 1, odd)
      Object.assign(event.payload, { metadata: { 'key\0': odd } })
      const result = await store().engine.persist(batch(ref, epoch, [event]))
      expect(result.status === 'stored' && result.events?.[0]?.payload).toMatchObject({
        content_blocks: [{ type: 'text', text: safe }],
        metadata: { 'key\ufffd': safe },
      })
      const [row] = await store().conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 })
      expect(row).toMatchObject({ content: safe, metadata: { 'key\ufffd': safe } })
      expect(await store().engine.persist(batch(ref, epoch, [event]))).toMatchObject({ status: 'stored' })
      expect(await store().threads.get(ref.tenant, 'no\0thread')).toBeNull()
      expect(await store().threads.create(ref.tenant, { id: `${ref.thread_id}-n`, title: odd })).toMatchObject({
        thread: { title: safe },
      })
    })
  })
}

/** A run's record and its dispatch's, and whether the lists by status have it open or done. */
async function readRun(store: Store, ref: { tenant: string; thread_id: string }, run_id: string): Promise<unknown[]> {
  const { thread_id } = ref
  const by = async (status: 'running' | 'done') =>
    (await store.conversation.listRuns(ref.tenant, { thread_id, status }, { limit: 9 })).items
  return [
    await store.conversation.getRun(ref.tenant, run_id),
    await store.conversation.findDispatch(ref.tenant, `dispatch-of-${run_id}`),
    await by('running'),
    await by('done'),
  ]
}

async function everything(store: Store, ref: { tenant: string; thread_id: string }): Promise<unknown> {
  return [
    await store.threads.get(ref.tenant, ref.thread_id),
    await store.conversation.messagesBetween(ref, { after: 0, through: 999, limit: 9_999 }),
    await store.conversation.listEvents(ref.tenant, { thread_id: ref.thread_id, after_seq: 0, limit: 99 }),
    await store.conversation.listRuns(ref.tenant, { thread_id: ref.thread_id }, { limit: 9 }),
    await store.conversation.listPending(ref),
  ]
}
