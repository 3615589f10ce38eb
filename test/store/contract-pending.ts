import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { batch, consumed, delivered, edited, entry, freshRef, loadEpoch, parked } from './batches.ts'

export function pendingContract(store: () => Store): void {
  const textOf = async (ref: Parameters<Store['conversation']['messagesBetween']>[0]): Promise<unknown[]> =>
    (await store().conversation.messagesBetween(ref, { after: 0, through: 99, limit: 9_999 })).map((row) => row.content)

  describe('pending messages', () => {
    it('reads one entry as the list has it', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const queue = [entry('b'), entry('a', { held_until: 77, revision: 3 })]
      await store().engine.persist(batch(ref, epoch, [delivered(1, 'a', 'A'), delivered(2, 'b', 'B')], { queue }))
      const one = await store().conversation.getPending(ref, 'a')
      expect(one).toEqual({ ...queue[1], content: 'A', position: 2 })
      expect(await store().conversation.listPending(ref)).toEqual([{ ...queue[0], content: 'B', position: 1 }, one])
      expect(await store().conversation.getPending(ref, 'none')).toBeNull()
      expect(await store().conversation.getPending({ ...ref, tenant: 'other' }, 'a')).toBeNull()
      await store().engine.persist(batch(ref, epoch, [parked(3)], { queue: queue.slice(0, 1) }))
      expect(await store().conversation.getPending(ref, 'a')).toBeNull()
    })

    it('an edit replaces the content, and only a content does', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const queue = [entry('a'), entry('b')]
      await store().engine.persist(
        batch(ref, epoch, [delivered(1, 'a', 'first'), edited(2, 'a', 'second'), delivered(3, 'b', 'B')], { queue }),
      )
      expect(await store().conversation.getPending(ref, 'a')).toMatchObject({ content: 'second' })
      const third = [{ type: 'text' as const, text: 'third' }]
      await store().engine.persist(batch(ref, epoch, [edited(4, 'a', third), edited(5, 'b')], { queue }))
      expect(await store().conversation.getPending(ref, 'a')).toMatchObject({ content: third })
      expect(await store().conversation.getPending(ref, 'b')).toMatchObject({ content: 'B' })
    })

    it('the conversation gets the last content before it, wherever that stands', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const ids = ['long-ago', 'edit-stored', 'edit-new', 'edit-twice', 'only-turned']
      await store().engine.persist(
        batch(
          ref,
          epoch,
          ids.map((id, index) => delivered(index + 1, id, `${id}: old`)),
          { queue: ids.map((id) => entry(id)) },
        ),
      )
      await store().engine.persist(batch(ref, epoch, [edited(6, 'edit-stored', 'stored')], { queue: ids.map((id) => entry(id)) }))
      await store().engine.persist(
        batch(
          ref,
          epoch,
          [
            edited(7, 'edit-new', 'new'),
            edited(8, 'edit-twice', 'once'),
            edited(9, 'edit-twice', 'twice'),
            edited(10, 'only-turned'),
            ...ids.map((id, index) => consumed(11 + index, index + 1, id, 'run-1')),
            delivered(16, 'same-batch', 'as delivered'),
            edited(17, 'same-batch', 'as edited'),
            consumed(18, 6, 'same-batch', 'run-1'),
          ],
          { queue: [] },
        ),
      )
      expect(await textOf(ref)).toEqual(['long-ago: old', 'stored', 'new', 'twice', 'only-turned: old', 'as edited'])
      expect(await store().conversation.listPending(ref)).toEqual([])
    })

    it('a batch that repeats stored edits keeps to the last of them', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const queue = [entry('a'), entry('b')]
      const events = [delivered(1, 'a', 'A'), edited(2, 'a', 'A2'), delivered(3, 'b', 'B'), edited(4, 'a', 'A4')]
      await store().engine.persist(batch(ref, epoch, events.slice(0, 3), { queue }))
      await store().engine.persist(batch(ref, epoch, events, { queue }))
      // The first write comes once more, late: it must not bring its wording back.
      expect(await store().engine.persist(batch(ref, epoch, events.slice(0, 3), { queue }))).toMatchObject({ events: [] })
      expect(await store().conversation.getPending(ref, 'a')).toMatchObject({ content: 'A4' })
      await store().engine.persist(
        batch(ref, epoch, [...events, consumed(5, 1, 'a', 'run-1'), edited(6, 'b', 'B6'), consumed(7, 2, 'b', 'run-1')], {
          queue: [],
        }),
      )
      expect(await textOf(ref)).toEqual(['A4', 'B6'])
    })
  })
}
