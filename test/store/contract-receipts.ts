import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { batch, committed, consumed, delivered, delivery, entry, event, freshRef, loadEpoch } from './batches.ts'

export function receiptsContract(store: () => Store): void {
  describe('receipts', () => {
    it('of messages that wait: the place, and the run that they are for', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const queue = [
        entry('steer', { delivery: { ...delivery, boundary: 'next_step', target_run_id: 'run-1' }, created_at: 1_001 }),
        entry('next', { for_run_id: 'run-2', created_at: 1_002 }),
        entry('free', { created_at: 1_003 }),
      ]
      const events = [delivered(1, 'steer', 's'), delivered(2, 'next', 'n', 'run-2'), delivered(3, 'free', 'f')]
      await store().engine.persist(batch(ref, epoch, events, { queue }))
      const receipt = (id: string): ReturnType<Store['conversation']['receipt']> => store().conversation.receipt(ref, id)
      expect(await receipt('steer')).toEqual({ message_id: 'steer', state: 'pending', position: 1, run_id: 'run-1', at: 1_001 })
      expect(await receipt('next')).toEqual({ message_id: 'next', state: 'pending', position: 2, run_id: 'run-2', at: 1_002 })
      expect(await receipt('free')).toEqual({ message_id: 'free', state: 'pending', position: 3, at: 1_003 })
      expect(await receipt('none')).toBeNull()
      expect(await store().conversation.receipt({ ...ref, tenant: 'other' }, 'free')).toBeNull()
      expect(await store().conversation.receipt(freshRef(), 'free')).toBeNull()
    })

    it('of messages that were read: by which run and step, under which number', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const own = (seq: number, message_seq: number, role: 'assistant' | 'tool'): ReturnType<typeof event> => {
        const made = committed(seq, message_seq, role)
        Object.assign(made.payload, { role, step: 1 })
        return made
      }
      const events = [
        delivered(1, 'for-it', 'x', 'run-1'),
        delivered(2, 'for-another', 'y', 'run-2'),
        delivered(3, 'for-any', 'z'),
        consumed(4, 1, 'for-it', 'run-1', 1),
        consumed(5, 2, 'for-another', 'run-1', 1),
        own(6, 3, 'assistant'),
        own(7, 4, 'tool'),
        consumed(8, 5, 'for-any', 'run-1', 2),
        committed(9, 6), // read at once: it never waited
      ]
      await store().engine.persist(batch(ref, epoch, events, { queue: [] }))
      const receipt = (id: string): ReturnType<Store['conversation']['receipt']> => store().conversation.receipt(ref, id)
      const read = { state: 'consumed', run_id: 'run-1' }
      expect(await receipt('for-it')).toEqual({ ...read, message_id: 'for-it', step: 1, message_seq: 1, at: 1_004 })
      expect(await receipt('for-another')).toEqual({
        ...read,
        message_id: 'for-another',
        step: 1,
        message_seq: 2,
        reason: 'coalesced',
        at: 1_005,
      })
      expect(await receipt('for-any')).toEqual({ ...read, message_id: 'for-any', step: 2, message_seq: 5, at: 1_008 })
      expect(await receipt('m-6')).toEqual({ ...read, message_id: 'm-6', message_seq: 6, at: 1_009 })
      expect(await receipt('m-3')).toBeNull()
      expect(await receipt('m-4')).toBeNull()
    })

    it('of messages that nobody read: who took them back, or why', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const by = { id: 'u1', name: 'Ada' }
      const events = [
        delivered(1, 'back', 'x'),
        delivered(2, 'unsigned', 'y'),
        delivered(3, 'late', 'z', 'run-2'),
        event(4, 'PendingRetracted', { pending_id: 'back', revision: 2, retracted_by: by }, undefined, null),
        event(5, 'PendingRetracted', { pending_id: 'unsigned', revision: 1, retracted_by: null }, undefined, null),
        event(6, 'PendingUndelivered', { pending_id: 'late', reason: 'its run ended' }, undefined, 'run-2'),
      ]
      await store().engine.persist(batch(ref, epoch, events, { queue: [] }))
      const receipt = (id: string): ReturnType<Store['conversation']['receipt']> => store().conversation.receipt(ref, id)
      expect(await receipt('back')).toEqual({ message_id: 'back', state: 'retracted', by, at: 1_004 })
      expect(await receipt('unsigned')).toEqual({ message_id: 'unsigned', state: 'retracted', at: 1_005 })
      const gone = { message_id: 'late', state: 'undelivered', run_id: 'run-2', reason: 'its run ended', at: 1_006 }
      expect(await receipt('late')).toEqual(gone)
      // The same id once more, after it was taken back: what counts is the last that happened to it.
      await store().engine.persist(batch(ref, epoch, [delivered(7, 'back', 'again')], { queue: [entry('back')] }))
      expect(await receipt('back')).toEqual({ message_id: 'back', state: 'pending', position: 1, at: 1 })
      await store().threads.delete(ref.tenant, ref.thread_id, 'detach')
      expect(await receipt('back')).toBeNull()
      expect(await receipt('late')).toBeNull()
    })
  })
}
