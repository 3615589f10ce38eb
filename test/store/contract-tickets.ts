import { describe, expect, it } from 'vitest'
import type { ThreadEvent } from '../../src/thread/event.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import { InvalidCursor, type Store } from '../../src/store/store.ts'
import { asked, batch, event, freshRef, loadEpoch, run } from './batches.ts'

let count = 0
const tenantOf = (): string => `tenant-of-tickets-${process.pid}-${++count}`
const call = { step: 1, tool_name: 't', message_id: 'm' }
const done = { tool_name: 't', status: 'success', data: null } as const

/** Every way in which a call's ticket is closed. */
const closings: Record<string, (seq: number, tool_call_id: string) => ThreadEvent> = {
  ToolPermissionResolved: (seq, tool_call_id) => event(seq, 'ToolPermissionResolved', { tool_call_id } as never),
  ToolPermissionExpired: (seq, tool_call_id) =>
    event(seq, 'ToolPermissionExpired', { step: 1, ticket_id: `ticket-${tool_call_id}`, tool_call_id }),
  ToolCallDone: (seq, tool_call_id) => event(seq, 'ToolCallDone', { ...call, tool_call_id, outcome: 'succeeded', result: done }),
  ToolCallCancelled: (seq, tool_call_id) => event(seq, 'ToolCallCancelled', { ...call, tool_call_id, reason: 'r' }),
}
const endings: Record<string, (seq: number) => ThreadEvent> = {
  RunFinished: (seq) => event(seq, 'RunFinished', {} as never),
  RunErrored: (seq) => event(seq, 'RunErrored', {} as never),
}

export function ticketsContract(store: () => Store): void {
  const open = async (tenant: string, thread_id?: string): Promise<string[]> => {
    const filter = thread_id === undefined ? {} : { thread_id }
    const page = await store().conversation.listTickets(tenant, filter, { limit: 99 })
    expect(page.total).toBe(page.items.length)
    return page.items.map((row) => row.ticket.tool_call_id)
  }
  const begin = async (tenant: string): Promise<{ ref: ThreadRef; persist(...events: ThreadEvent[]): Promise<unknown> }> => {
    const ref = freshRef(tenant)
    const epoch = await loadEpoch(store(), ref)
    const runs = [run(ref, 'run-1', { agent_id: 'clerk' })]
    return { ref, persist: (...events) => store().engine.persist(batch(ref, epoch, events, { runs })) }
  }

  describe('tickets', () => {
    it('are listed with their arguments while they are open, also of a run that still works', async () => {
      const tenant = tenantOf()
      const { ref, persist } = await begin(tenant)
      await store().engine.stage({ ...ref, run_id: 'run-1', step: 1, attempt: 1 }, [{ part: 'args:big', value: { n: [1] } }])
      const staged = { from: 'staged', run_id: 'run-1', step: 1, attempt: 1, part: 'args:big' } as const
      const big = asked(2, 'big', { arguments: null, expires_at: 5_000 }, [{ at: ['ticket', 'arguments'], ref: staged }])
      await persist(asked(1, 'a'), big)
      const page = await store().conversation.listTickets(tenant, {}, { limit: 9 })
      const common = { thread_id: ref.thread_id, run_id: 'run-1', agent_id: 'clerk' }
      const ticket = { tool_name: 't', reason: 'tool_permission' }
      expect(page.items).toEqual([
        { ...common, ticket: { ...ticket, ticket_id: 'ticket-a', tool_call_id: 'a', arguments: { of: 'a' }, created_at: 1_001 } },
        {
          ...common,
          ticket: {
            ...ticket,
            ticket_id: 'ticket-big',
            tool_call_id: 'big',
            arguments: { n: [1] },
            created_at: 1_002,
            expires_at: 5_000,
          },
        },
      ])
      expect(await open('other')).toEqual([])
    })

    it.each(Object.entries(closings))('are closed by %s of their call', async (_, close) => {
      const tenant = tenantOf()
      const { persist } = await begin(tenant)
      const twin = await begin(tenant)
      await twin.persist(asked(1, 'b'))
      await persist(asked(1, 'a'), asked(2, 'b'), asked(3, 'c'), close(4, 'c'))
      expect(await open(tenant)).toEqual(['a', 'b', 'b'])
      await persist(close(5, 'b'))
      expect(await open(tenant)).toEqual(['a', 'b'])
      expect(await open(tenant, twin.ref.thread_id)).toEqual(['b'])
      // Another run's call of the same name is another call.
      await persist({ ...close(6, 'a'), run_id: 'run-2' })
      expect(await open(tenant)).toEqual(['a', 'b'])
    })

    it.each(Object.entries(endings))('are closed by %s of their run', async (_, end) => {
      const tenant = tenantOf()
      const { persist } = await begin(tenant)
      await persist(asked(1, 'a'), { ...asked(2, 'other'), run_id: 'run-2' })
      await persist(asked(3, 'b'), end(4))
      expect(await open(tenant)).toEqual(['other'])
    })

    it('a call that is asked about again has its new ticket', async () => {
      const tenant = tenantOf()
      const { persist } = await begin(tenant)
      const close = closings['ToolPermissionResolved'] ?? expect.fail()
      const again = (seq: number): ThreadEvent => asked(seq, 'a', { ticket_id: 'second', reason: 'external_event' })
      await persist(asked(1, 'a'))
      await persist(close(2, 'a'), again(3))
      const page = await store().conversation.listTickets(tenant, {}, { limit: 9 })
      expect(page.items).toMatchObject([{ ticket: { ticket_id: 'second', reason: 'external_event', created_at: 1_003 } }])
    })

    it('a repeated batch neither opens nor closes anything again', async () => {
      const tenant = tenantOf()
      const { persist } = await begin(tenant)
      const close = closings['ToolPermissionResolved'] ?? expect.fail()
      const [first, second, third] = [asked(1, 'a'), close(2, 'a'), asked(3, 'a', { ticket_id: 'second' })]
      await persist(first)
      await persist(first)
      expect(await open(tenant)).toEqual(['a'])
      await persist(first, second)
      await persist(first)
      expect(await open(tenant)).toEqual([])
      await persist(third)
      await persist(first, second)
      await persist(first, second, third)
      expect((await store().conversation.listTickets(tenant, {}, { limit: 9 })).items).toMatchObject([
        { ticket: { ticket_id: 'second' } },
      ])
    })

    it('are paged oldest first over all threads, or of one, without a gap or a repeat', async () => {
      const tenant = tenantOf()
      const [one, two] = [await begin(tenant), await begin(tenant)]
      const of = (thread: string, times: number[]): ThreadEvent[] =>
        times.map((created_at, index) => asked(index + 1, `${thread}${index}`, { created_at }))
      await one.persist(...of('x', [10, 30, 30, 50]))
      await two.persist(...of('y', [40, 20, 30]))
      const inOrder = ['x0', 'y1', 'x1', 'x2', 'y2', 'y0', 'x3']
      for (const [filter, wanted] of [
        [{}, inOrder],
        [{ thread_id: one.ref.thread_id }, inOrder.filter((id) => id.startsWith('x'))],
      ] as const) {
        const seen: string[] = []
        let cursor = ''
        for (let more = true; more;) {
          const page = await store().conversation.listTickets(tenant, filter, { limit: 2, cursor })
          expect(page.total).toBe(wanted.length)
          seen.push(...page.items.map((row) => row.ticket.tool_call_id))
          cursor = page.next_cursor
          more = page.has_more
        }
        expect(seen).toEqual(wanted)
      }
      await expect(store().conversation.listTickets(tenant, {}, { limit: 2, cursor: 'made up' })).rejects.toThrow(InvalidCursor)
      await store().threads.delete(tenant, one.ref.thread_id, 'detach')
      expect(await open(tenant)).toEqual(['y1', 'y2', 'y0'])
    })
  })
}
