import { createHash } from 'node:crypto'
import type { Store } from '../../src/store/store.ts'
import { expandBatch, nextBatch, stored } from '../../src/thread/batch.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { ThreadEvent } from '../../src/thread/event.ts'
import type { Json } from '../../src/thread/json.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import { receive } from '../../src/thread/receive.ts'
import type { PendingEntry } from '../../src/thread/state.ts'
import { emptyThread } from '../../src/thread/state-init.ts'
import { call, Given, SETTINGS } from '../thread/given.ts'

/** A source of choices that a seed repeats. */
export function choices(seed: number): (below: number) => number {
  let count = 0
  return (below) => {
    const digest = createHash('sha256')
      .update(`${String(seed)}/${String(count++)}`)
      .digest()
    return digest.readUInt32BE(0) % below
  }
}

/** A thread that lives through whatever a seed says, by the real core, stored by the real store after every decision or a few. */
export async function live(store: Store, ref: ThreadRef, seed: number, steps: number): Promise<Given> {
  const pick = choices(seed)
  const loaded = await store.engine.load(ref)
  if (loaded.status !== 'loaded') throw new Error('deleted')
  const thread = new Given({ ...emptyThread(ref.tenant, ref.thread_id, SETTINGS), epoch: loaded.epoch })
  for (let i = 0; i < steps; i++) {
    act(thread, pick, i)
    if (pick(3) > 0 || i === steps - 1) await save(store, thread)
  }
  return thread
}

export async function save(store: Store, thread: Given): Promise<void> {
  const batch = nextBatch(thread.state)
  if (batch === null) return
  await stage(store, batch, batch.events)
  const result = await store.engine.persist(expandBatch(batch))
  if (result.status !== 'stored') throw new Error(result.status)
  thread.state = stored(thread.state, batch)
}

/** What activities would have staged: content that follows from the reference. */
async function stage(store: Store, ref: ThreadRef, events: ThreadEvent[]): Promise<void> {
  for (const event of events) {
    for (const { ref: at } of event.refs ?? []) {
      if (at.from !== 'staged') continue
      const parts = events.flatMap((one) =>
        one.kind === 'ToolCallReady' && one.run_id === at.run_id && one.payload.step === at.step
          ? [
              {
                type: 'tool_call',
                tool_call_id: one.payload.tool_call_id,
                tool_name: one.payload.tool_name,
                arguments: one.payload.arguments,
              },
            ]
          : [],
      )
      const text = `said in ${at.run_id} ${String(at.step)}`
      const value: Json =
        at.part === 'message'
          ? parts.length > 0
            ? [{ type: 'text', text }, ...parts]
            : text
          : at.part === 'text'
            ? text
            : { of: at.part }
      const { run_id, step, attempt } = at
      await store.engine.stage({ tenant: ref.tenant, thread_id: ref.thread_id, run_id, step, attempt }, [
        { part: at.part, value },
      ])
    }
  }
}

function act(thread: Given, pick: (below: number) => number, index: number): void {
  const run = thread.state.active_run_id === null ? undefined : thread.run()
  const calls = run?.calls.filter(({ status }) => status !== 'done') ?? []
  const chosen = calls[pick(Math.max(1, calls.length))]
  thread.now += pick(2_000)
  const model = run?.phase === 'model' && run.not_before <= thread.now
  if (model && pick(10) < 7) {
    const which = pick(8)
    if (which === 0) thread.modelFails({ retryable: pick(2) === 0, code: pick(3) === 0 ? 'unknown_agent' : 'provider_error' })
    else if (which === 1 && run.stopping !== null) thread.modelStops(pick(2) === 0)
    else if (which < 5) {
      const plans = (['run', 'approve', 'external', 'reject'] as const).slice(pick(3), 4)
      thread.model({
        worker: 'w1',
        calls: plans.slice(0, 1 + pick(3)).map((disposition) =>
          call(`${String(run.step)}-${disposition}`, {
            disposition,
            repeatable: pick(2) === 0,
            arguments: { n: pick(9) },
            expires_in_ms: pick(3) === 0 ? 4_000 : null,
          }),
        ),
      })
    } else thread.model()
    return
  }
  if (chosen?.status === 'ready' && pick(10) < 7) {
    const kind = pick(6)
    const done = { kind: 'done' as const, status: pick(2) === 0 ? ('success' as const) : ('error' as const) }
    if (kind === 5) {
      thread.tool(chosen.tool_call_id, { kind: 'done', status: 'success', state_patch: { n: index } })
      return
    }
    thread.tool(
      chosen.tool_call_id,
      kind === 0 ? { kind: 'lost', error: 'gone' } : kind === 1 ? { kind: 'missing', error: 'no tool' } : done,
    )
    return
  }
  if (chosen?.status === 'waiting' && pick(10) < 6) {
    const payload = (
      [
        { approved: true, remember: pick(3) === 0 },
        { approved: false, reason: 'no' },
        { result: { n: index } },
        { edited_args: { n: 1 } },
      ] as Json[]
    )[pick(4)]
    thread.when({
      type: 'decision',
      action: 'resume',
      tool_call_id: chosen.tool_call_id,
      payload: payload ?? null,
      command_id: `c-${String(index)}`,
    })
    return
  }
  const entry = thread.state.queue[pick(Math.max(1, thread.state.queue.length))]
  switch (pick(9)) {
    case 0:
      thread.when({ type: 'interrupt', mode: 'graceful', queue: (['keep', 'park', 'supersede'] as const)[pick(3)] ?? 'keep' })
      break
    case 1:
      thread.when({ type: 'cancel' })
      break
    case 2:
      thread.later(pick(3_000))
      break
    case 3:
      if (entry !== undefined) change(thread, entry, pick, index)
      break
    case 4: {
      const pending_ids = thread.state.queue.map(({ pending_id }) => pending_id).reverse()
      thread.when({ type: 'reorder_pending', pending_ids, expected_queue_revision: thread.state.queue_revision })
      break
    }
    case 5:
      if (pick(2) === 0) thread.when({ type: 'resume_queue' })
      // A refused signal stands in the log.
      else thread.state = receive(thread.state, 'submit', `garbage ${String(index)}`, 'signal', thread.context()).state
      break
    default: {
      const content = `message ${String(index)}${pick(4) === 0 ? ' and so on'.repeat(300) : ''}`
      const mode = (['queue', 'foreground', 'live_then_queue', 'queue'] as const)[pick(4)] ?? 'queue'
      const count = 1 + pick(2)
      const messages = Array.from({ length: count }, (_, n) => ({ role: 'user' as const, content: `${content} ${String(n)}` }))
      thread.when({ type: 'submit', mode, messages, command_id: `s-${String(index)}`, metadata: { n: index } })
    }
  }
}

function change(thread: Given, entry: PendingEntry, pick: (below: number) => number, index: number): void {
  const { pending_id, revision: expected_revision } = entry
  switch (pick(4)) {
    case 0:
      thread.when({ type: 'retract_pending', pending_id, expected_revision })
      break
    case 1:
      thread.when({ type: 'hold_pending', pending_id, ttl_ms: 2_000 })
      break
    case 2:
      thread.when({ type: 'release_pending', pending_id })
      break
    default: {
      const content = `edited ${String(index)}${pick(3) === 0 ? ' and so on'.repeat(2_000) : ''}`
      thread.when({ type: 'edit_pending', pending_id, message: { content }, expected_revision })
    }
  }
}

/** Everything of one thread that readers see, in a form that compares. */
export async function picture(store: Store, ref: ThreadRef) {
  const events: LogEvent[] = []
  for (;;) {
    const page = await store.conversation.listEvents(ref.tenant, {
      thread_id: ref.thread_id,
      after_seq: events.at(-1)?.event_seq ?? 0,
      limit: 200,
    })
    events.push(...page.events)
    if (page.events.length < 200) break
  }
  const page = { limit: 1_000 }
  return {
    events,
    messages: (await store.conversation.listMessages(ref, { order: 'asc', visibility: 'all' }, page)).items,
    runs: (await store.conversation.listRuns(ref.tenant, { thread_id: ref.thread_id }, page)).items,
    dispatches: (await store.conversation.listDispatches(ref.tenant, { thread_id: ref.thread_id }, page)).items,
    tickets: (await store.conversation.listTickets(ref.tenant, { thread_id: ref.thread_id }, page)).items,
    pending: await store.conversation.listPending(ref),
    thread: await store.threads.get(ref.tenant, ref.thread_id),
  }
}
