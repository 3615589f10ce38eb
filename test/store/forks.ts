import type { Store } from '../../src/store/store.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import type { Content, Role } from '../../src/thread/message.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import { batch, committed, event, freshRef, loadEpoch, run } from './batches.ts'

export type Said = ThreadRef & { last_seq?: number }

/** A thread with so many messages of one run. */
export async function said(store: Store, count: number, tenant?: string): Promise<ThreadRef & { last_seq: number }> {
  const ref = freshRef(tenant)
  const events = Array.from({ length: count }, (_, n) => committed(n + 1, n + 1))
  await persist(store, ref, events, count)
  return { ...ref, last_seq: count }
}

/** Messages 2 to 4 are a step with two calls; 6 to 8 one whose second call of three has no result yet. */
export async function withCalls(store: Store): Promise<ThreadRef> {
  const ref = freshRef()
  const messages: [Role, Content][] = [
    ['user', 'go'],
    calls('a', 'b'),
    result('b'),
    result('a'),
    ['assistant', 'done'],
    ['user', 'again'],
    calls('c', 'd', 'e'),
    result('c'),
  ]
  await persist(
    store,
    ref,
    messages.map(([role, content], index) => message(index + 1, role, content)),
    messages.length,
  )
  return ref
}

function calls(...ids: string[]): [Role, Content] {
  return ['assistant', ids.map((id) => ({ type: 'tool_call', tool_call_id: id, tool_name: 't', arguments: {} }))]
}

function result(id: string): [Role, Content] {
  return ['tool', [{ type: 'tool_result', tool_call_id: id, tool_name: 't', status: 'success', data: 1 }]]
}

function message(seq: number, role: Role, content: Content): ThreadEvent {
  return event(seq, 'MessageCommitted', {
    message_id: `m-${String(seq)}`,
    message_seq: seq,
    role,
    content,
    visibility: 'external',
    parent_message_id: null,
    step: null,
  })
}

async function persist(store: Store, ref: ThreadRef, events: ThreadEvent[], message_count: number): Promise<void> {
  const epoch = await loadEpoch(store, ref)
  const summary = { status: 'idle' as const, agent_id: 'of-run-1', active_run_id: null, message_count, queue_revision: 0 }
  await store.engine.persist(batch(ref, epoch, events, { summary, runs: [run(ref, 'run-1', { agent_id: 'of-run-1' })] }))
}
