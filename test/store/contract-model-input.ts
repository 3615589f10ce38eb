import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { storeOn } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import { batch, committed, freshRef, loadEpoch, parked, run } from './batches.ts'

/** What a model step reads, and that what is remembered of it is never other than what is stored. */
export function modelInputContract(store: () => Store, database: () => Database): void {
  describe('what a model step reads', () => {
    const RUN = 'run-1'
    const SUMMARY = { status: 'idle', agent_id: 'default', active_run_id: null, queue_revision: 0 } as const
    const read = (ref: ThreadRef, through: number) => store().conversation.modelInput(ref, { run_id: RUN, through })
    const texts = async (ref: ThreadRef, through: number) => (await read(ref, through))?.transcript.map(({ content }) => content)
    const numbers = async (ref: ThreadRef, through: number) =>
      (await read(ref, through))?.transcript.map(({ message_seq }) => message_seq)
    const upTo = (last: number, text = 'message'): string[] => Array.from({ length: last }, (_, n) => `${text} ${n + 1}`)
    const change = (text: string, ref: ThreadRef) =>
      database().run((db) =>
        sql.raw(text.replaceAll('OF', `tenant = '${ref.tenant}' and thread_id = '${ref.thread_id}'`)).execute(db),
      )

    async function threadOf(count: number): Promise<{ ref: ThreadRef; epoch: number }> {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const events = Array.from({ length: count }, (_, n) => committed(n + 1, n + 1))
      await store().engine.persist(
        batch(ref, epoch, events, { runs: [run(ref, RUN)], summary: { ...SUMMARY, message_count: count } }),
      )
      return { ref, epoch }
    }

    it('is the run and the messages up to a number, and nothing for a run of another thread', async () => {
      const { ref } = await threadOf(5)
      expect(await read(ref, 3)).toMatchObject({ record: { run_id: RUN, thread_id: ref.thread_id } })
      expect(await texts(ref, 3)).toEqual(upTo(3))
      expect(await texts(ref, 5)).toEqual(upTo(5))
      expect(await texts(ref, 2)).toEqual(upTo(2))
      expect(await texts(ref, 0)).toEqual([])
      expect(await store().conversation.modelInput(freshRef(), { run_id: RUN, through: 5 })).toBeNull()
      expect(await store().conversation.modelInput(ref, { run_id: 'none', through: 5 })).toBeNull()
      expect(await store().conversation.modelInput({ ...ref, tenant: 'other' }, { run_id: RUN, through: 5 })).toBeNull()
    })

    it('goes on from what was read before, and reads long conversations whole', async () => {
      const { ref, epoch } = await threadOf(1_203)
      expect(await numbers(ref, 1_200)).toEqual(Array.from({ length: 1_200 }, (_, n) => n + 1))
      await store().engine.persist(
        batch(
          ref,
          epoch,
          Array.from({ length: 600 }, (_, n) => committed(1_204 + n, 1_204 + n)),
        ),
      )
      expect(await texts(ref, 1_803)).toEqual(upTo(1_803))
      // What was read is not read again: of the earlier rows only the last is asked for.
      await change(`update weft.messages set content = '"changed"' where OF and message_seq = 7`, ref)
      expect((await texts(ref, 1_803))?.[6]).toBe('message 7')
    })

    it('is not asked for by whoever has just stored it, once', async () => {
      const { ref, epoch } = await threadOf(2)
      await change(`update weft.messages set content = '"changed"' where OF`, ref)
      const written = await read(ref, 2)
      expect(written?.transcript).toEqual([
        expect.objectContaining({ message_seq: 1, content: 'message 1' }),
        expect.objectContaining({ message_seq: 2, content: 'message 2' }),
      ])
      // The next step's read goes on from there, as long as a batch tells of its run.
      await store().engine.persist(batch(ref, epoch, [committed(3, 3)], { runs: [run(ref, RUN)] }))
      await change(`update weft.messages set content = '"changed"' where OF`, ref)
      expect(await texts(ref, 3)).toEqual(upTo(3))
      expect(await texts(ref, 3)).toEqual(['changed', 'changed', 'changed'])
    })

    it('is not what was stored before under the same numbers', async () => {
      const { ref, epoch } = await threadOf(6)
      await change(`delete from weft.messages where OF and message_seq > 3`, ref)
      await change(`delete from weft.events where OF and seq > 3`, ref)
      await database().run((db) => sql`update weft.threads set last_seq = 3 where id = ${ref.thread_id}`.execute(db))
      await store().engine.persist(batch(ref, epoch, [committed(4, 4, 'other 4')], { runs: [run(ref, RUN)] }))
      expect(await texts(ref, 4)).toEqual([...upTo(3), 'other 4'])
    })

    it('is the same whether it was written or read', async () => {
      const { ref } = await threadOf(2)
      const written = await read(ref, 2)
      const reread = await storeOn(database()).conversation.modelInput(ref, { run_id: RUN, through: 2 })
      expect(JSON.stringify(written)).toBe(JSON.stringify(reread))
    })

    it('is asked for where the store keeps something else than it was given', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.persist(batch(ref, epoch, [committed(1, 1, 'a \0 in it')], { runs: [run(ref, RUN)] }))
      expect(await texts(ref, 1)).toEqual(['a \ufffd in it'])
    })

    it('gives each reader a list of its own', async () => {
      const { ref } = await threadOf(3)
      for (let n = 0; n < 2; n++) {
        const mine = (await read(ref, 3))?.transcript as unknown[]
        mine.splice(0, 2)
        const less = (await read(ref, 2))?.transcript as unknown[]
        less.pop()
      }
      expect(await texts(ref, 3)).toEqual(upTo(3))
    })

    it('takes the word of a store that was set back and went on otherwise, though with the same ids', async () => {
      const { ref, epoch } = await threadOf(6)
      await read(ref, 6)
      await change(`delete from weft.messages where OF and message_seq > 3`, ref)
      await change(`delete from weft.events where OF and seq > 3`, ref)
      await change(`update weft.snapshots set event_seq = 3 where OF`, ref)
      await database().run((db) => sql`update weft.threads set last_seq = 3 where id = ${ref.thread_id}`.execute(db))
      expect(await texts(ref, 6)).toEqual(upTo(3))
      const other = [4, 5, 6].map((n) => ({ ...committed(n, n, `other ${n}`), at: 5_000 + n }))
      await store().engine.persist(batch(ref, epoch, other))
      const now = [...upTo(3), 'other 4', 'other 5', 'other 6']
      expect(await texts(ref, 6)).toEqual(now)
      expect(await texts(ref, 5)).toEqual(now.slice(0, 5))
    })

    it('sees that the last message it knows has another text, also below what it knows', async () => {
      const { ref } = await threadOf(4)
      await read(ref, 4)
      await change(`update weft.messages set content = '"changed"' where OF and message_seq in (2, 3)`, ref)
      expect(await texts(ref, 3)).toEqual(['message 1', 'changed', 'changed'])
      expect(await texts(ref, 4)).toEqual(['message 1', 'changed', 'changed', 'message 4'])
    })

    it('does not remember a conversation with a hole, which a repair may fill', async () => {
      const { ref } = await threadOf(4)
      await change(`update weft.messages set tenant = 'aside' where OF and message_seq = 2`, ref)
      // Who has not written them does not know of them.
      const reader = storeOn(database())
      const numbers = async () =>
        (await reader.conversation.modelInput(ref, { run_id: RUN, through: 4 }))?.transcript.map((row) => row.message_seq)
      expect(await numbers()).toEqual([1, 3, 4])
      await change(
        `update weft.messages set tenant = '${ref.tenant}' where tenant = 'aside' and thread_id = '${ref.thread_id}'`,
        ref,
      )
      expect(await numbers()).toEqual([1, 2, 3, 4])
    })

    it('is gone with its thread, and there for its fork', async () => {
      const { ref } = await threadOf(4)
      await read(ref, 4)
      const fork = freshRef()
      expect(await store().threads.fork(ref.tenant, ref.thread_id, 3, { id: fork.thread_id })).toMatchObject({
        status: 'created',
      })
      const epoch = await loadEpoch(store(), fork)
      await store().engine.persist(batch(fork, epoch, [parked(2)], { runs: [run(fork, RUN)] }))
      expect(await texts(fork, 3)).toEqual(upTo(3))
      await store().engine.persist(batch(fork, epoch, [committed(3, 4, 'its own')]))
      expect(await texts(fork, 4)).toEqual([...upTo(3), 'its own'])
      await store().engine.persist(batch(ref, 1, [committed(5, 5)], { runs: [run(ref, RUN)] }))
      await store().threads.delete(ref.tenant, ref.thread_id, 'detach')
      expect(await read(ref, 4)).toBeNull()
      expect(await texts(fork, 4)).toEqual([...upTo(3), 'its own'])
    })
  })
}
