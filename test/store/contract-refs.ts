import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import type { PayloadRef } from '../../src/thread/event.ts'
import { batch, committed, delivered, entry, event, freshRef, loadEpoch, run } from './batches.ts'

const content = (ref: PayloadRef['ref']): PayloadRef[] => [{ at: ['content'], ref }]

export function refsContract(store: () => Store): void {
  describe('references', () => {
    it('resolves staged, pending and event values, also of the same batch', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const key = { ...ref, run_id: 'run-1', step: 1, attempt: 2 }
      await store().engine.stage(key, [{ part: 'message', value: [{ type: 'text', text: 'draft' }] }])
      await store().engine.stage(key, [
        { part: 'message', value: [{ type: 'text', text: 'hello' }] },
        { part: 'nothing', value: null },
      ])
      expect(await store().engine.staged(key, 'message')).toEqual([{ type: 'text', text: 'hello' }])
      expect(await store().engine.staged(key, 'nothing')).toBeNull()
      expect(await store().engine.staged(key, 'none')).toBeUndefined()

      await store().engine.persist(
        batch(ref, epoch, [delivered(1, 'p1', 'kept'), delivered(2, 'p2', 'taken')], { queue: [entry('p1'), entry('p2')] }),
      )
      const result = await store().engine.persist(
        batch(
          ref,
          epoch,
          [
            committed(3, 1, '', content({ from: 'pending', pending_id: 'p2' })),
            delivered(4, 'p3', 'came and went'),
            committed(5, 2, '', content({ from: 'pending', pending_id: 'p3' })),
            committed(6, 3, '', content({ from: 'staged', run_id: 'run-1', step: 1, attempt: 2, part: 'message' })),
            committed(7, 4, '', content({ from: 'event', seq: 6, path: ['content', '0', 'text'] })),
            committed(8, 5, '', content({ from: 'event', seq: 2, path: ['content'] })),
          ],
          { queue: [entry('p1')] },
        ),
      )
      expect(result.status).toBe('stored')
      const rows = await store().conversation.messagesBetween(ref, { after: 0, through: 99, limit: 9_999 })
      expect(rows.map((row) => row.content)).toEqual([
        'taken',
        'came and went',
        [{ type: 'text', text: 'hello' }],
        'hello',
        'taken',
      ])
      expect(rows[0]).toMatchObject({
        message_id: 'm-1',
        message_kind: 'user_input',
        interrupted: false,
        step: null,
        created_at: 1_003,
      })
      expect(await store().conversation.listPending(ref)).toMatchObject([{ pending_id: 'p1', content: 'kept', position: 1 }])
      expect((await store().conversation.knownMessageIds(ref, ['m-1', 'p1', 'p2', 'x'])).sort()).toEqual(['m-1', 'p1'])
    })

    it('sets values deep inside a payload', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      await store().engine.stage({ ...ref, run_id: 'run-1', step: 1, attempt: 1 }, [{ part: 'result:c', value: { n: [1] } }])
      const done = event(
        1,
        'ToolCallDone',
        {
          step: 1,
          tool_call_id: 'c',
          tool_name: 't',
          message_id: 'm',
          outcome: 'succeeded',
          result: { tool_name: 't', status: 'success', data: null },
        },
        [{ at: ['result', 'data'], ref: { from: 'staged', run_id: 'run-1', step: 1, attempt: 1, part: 'result:c' } }],
      )
      const message = committed(
        2,
        1,
        [{ type: 'tool_result', tool_call_id: 'c', tool_name: 't', status: 'success', data: null }],
        [{ at: ['content', '0', 'data'], ref: { from: 'event', seq: 1, path: ['result', 'data'] } }],
      )
      await store().engine.persist(batch(ref, epoch, [done, message]))
      expect((await store().conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 }))[0]?.content).toMatchObject(
        [{ data: { n: [1] } }],
      )
      expect(await store().conversation.eventValue(ref, 1, ['result', 'data', 'n', '0'])).toBe(1)
      expect(await store().conversation.eventValue(ref, 1, ['result', 'none'])).toBeUndefined()
      expect(await store().conversation.eventValue(ref, 9, [])).toBeUndefined()
      expect(await store().conversation.eventValue(ref, 2, ['step'])).toBeNull()
    })

    it('marks what is gone, and leaves optional text empty', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const gone = { from: 'staged', run_id: 'run-1', step: 9, attempt: 9, part: 'message' } as const
      const result = await store().engine.persist(
        batch(ref, epoch, [
          committed(1, 1, '', content({ ...gone, optional: true })),
          committed(2, 2, '', content(gone)),
          event(3, 'MailboxDecisionReceived', {} as never, [{ at: ['result'], ref: { from: 'pending', pending_id: 'gone' } }]),
        ]),
      )
      const payloads = result.status === 'stored' ? result.events?.map((one) => one.payload) : []
      expect(payloads?.[0]).not.toHaveProperty('lost')
      expect(payloads?.[1]).toMatchObject({ lost: ['content'], content_blocks: [{ type: 'text', text: '' }] })
      expect(payloads?.[2]).toMatchObject({ lost: ['result'], result: null })
      expect(
        (await store().conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 })).map((row) => row.content),
      ).toEqual(['', ''])
    })

    it('completes run records, and clears what an ended run has staged', async () => {
      const ref = freshRef()
      const epoch = await loadEpoch(store(), ref)
      const id = `${ref.thread_id}-run`
      const key = { ...ref, run_id: id, step: 2, attempt: 1 }
      await store().engine.stage(key, [
        { part: 'text', value: 'the end' },
        { part: 'args:call', value: { big: true } },
      ])
      const ticket = {
        ticket_id: 'k',
        tool_call_id: 'call',
        tool_name: 't',
        arguments: null,
        reason: 'tool_permission',
        created_at: 1,
      } as const
      const waiting = { reason: 'tool_permission', tickets: [ticket], since: 1 } as const
      await store().engine.persist(
        batch(ref, epoch, [committed(1, 1)], {
          runs: [run(ref, id, { status: 'waiting', waiting: { ...waiting, tickets: [ticket] } })],
        }),
      )
      expect(await store().conversation.getRun(ref.tenant, id)).toMatchObject({
        waiting: { tickets: [{ arguments: { big: true } }] },
      })
      const ended = { ...run(ref, id, { status: 'done' }), final_output_ref: { step: 2, attempt: 1 } }
      await store().engine.persist(batch(ref, epoch, [committed(2, 2)], { runs: [ended] }))
      expect(await store().conversation.findRun(ref.tenant, `dispatch-of-${id}`)).toMatchObject({
        run_id: id,
        status: 'done',
        final_output: 'the end',
      })
      expect(await store().engine.staged(key, 'text')).toBeUndefined()
      await store().engine.stage(key, [{ part: 'text', value: 'a zombie' }])
      expect(await store().engine.staged(key, 'text')).toBeUndefined()
    })
  })
}
