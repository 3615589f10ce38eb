import type { CommandType } from './command.ts'
import { activeRun } from './draft.ts'
import { TASK_QUEUE, THREAD_WORKFLOW } from './names.ts'
import { summaryOf } from './batch.ts'
import { entryView } from './entry-view.ts'
import type { JsonObject } from './json.ts'
import type { Ticket } from './records.ts'
import { inShort, type StoredSnapshot } from './packed.ts'
import { toSnapshot } from './state-init.ts'
import type { PendingEntry, RunState, ThreadState } from './state.ts'

/** What queries and the Temporal UI show of a thread. */

/** Query `thread`: the summary in a few numbers. */
export function threadView(state: ThreadState): JsonObject {
  const { thread_id, tenant, event_seq, message_seq, queue, parked, needs_reconcile, unstored, epoch } = state
  return {
    thread_id,
    tenant,
    ...summaryOf(state),
    event_seq,
    message_seq,
    pending: queue.length,
    parked,
    shared: state.shared,
    epoch,
    unstored_events: unstored.events.length,
    needs_reconcile,
  }
}

/** Query `snapshot`: what a repair writes where the store has lost it. */
export function snapshotView(state: ThreadState): {
  snapshot: StoredSnapshot
  unstored_events: number
  needs_reconcile: string | null
} {
  const { unstored, needs_reconcile } = state
  return { snapshot: inShort(toSnapshot(state)), unstored_events: unstored.events.length, needs_reconcile }
}

/** Query `active_run`: the open run's record, or null. */
export function activeRunView(state: ThreadState): { active_run: RunState['record'] | null } {
  return { active_run: activeRun(state)?.record ?? null }
}

/** Query `pending`: the queue in order, without content (that is in the store). */
export function pendingView(state: ThreadState): { items: JsonObject[]; queue_revision: number; parked: boolean } {
  const { queue, queue_revision, parked } = state
  return { items: queue.map((entry) => entryView(state, entry)), queue_revision, parked }
}

/** Current details in the Temporal UI, as Markdown: status, queue, open tickets and the command that answers each. */
export function detailsView(state: ThreadState): string {
  const run = activeRun(state)
  const lines = [
    `**${summaryOf(state).status}** · ${String(state.message_seq)} messages · ${String(state.queue.length)} pending${state.parked ? ' (parked)' : ''}`,
  ]
  if (state.needs_reconcile !== null) lines.push('', `**Needs to be reconciled:** ${state.needs_reconcile}`)
  if (run !== undefined) {
    const { run_id, agent_id } = run.record
    lines.push(
      '',
      `Run \`${run_id}\` of agent \`${agent_id}\`, step ${String(run.phase === 'tools' ? run.step - 1 : run.step)}, attempt ${String(run.attempt)}`,
    )
    if (run.stopping !== null) lines.push(`Stopping: ${run.stopping.reason}`)
  }
  for (const call of run?.calls ?? []) if (call.ticket !== null) lines.push('', ...ticketLines(state, call.ticket))
  if (state.queue.length > 0)
    lines.push(
      '',
      '| # | pending | revision | boundary | agent |',
      '| --- | --- | --- | --- | --- |',
      ...state.queue.slice(0, 20).map(queueLine),
    )
  if (state.parked) lines.push('', 'The queue is parked. Let it go on:', ...shell(signal(state, 'resume_queue', {})))
  if (state.queue.length > 20) lines.push('', `… and ${String(state.queue.length - 20)} more`)
  lines.push('', 'Say something (this also starts a thread that has closed its workflow):', ...shell(sayCommand(state)))
  return lines.join('\n')
}

function ticketLines(state: ThreadState, ticket: Ticket): string[] {
  const { tool_call_id } = ticket
  return [
    `Waits for a decision on **${ticket.tool_name}** (${ticket.reason}), since ${new Date(ticket.created_at).toISOString()}`,
    '',
    '```json',
    JSON.stringify(ticket.arguments, null, 2).slice(0, 2000),
    '```',
    '',
    'Approve:',
    ...shell(signal(state, 'decision', { tool_call_id, action: 'resume' })),
    'Deny:',
    ...shell(signal(state, 'decision', { tool_call_id, action: 'cancel' })),
  ]
}

function signal({ settings, tenant, thread_id }: ThreadState, name: CommandType, input: JsonObject): string {
  return `${settings.cli} workflow signal --workflow-id '${tenant}/${thread_id}' --name ${name} --input '${JSON.stringify(input)}'`
}

function sayCommand({ settings, tenant, thread_id }: ThreadState): string {
  const input = JSON.stringify({ messages: [{ role: 'user', content: '…' }] })
  const start = `--workflow-id '${tenant}/${thread_id}' --type ${THREAD_WORKFLOW} --task-queue ${TASK_QUEUE}`
  return `${settings.cli} workflow signal-with-start ${start} --signal-name submit --signal-input '${input}'`
}

function shell(command: string): string[] {
  return ['```sh', command, '```']
}

function queueLine({ pending_id, revision, delivery, agent_id, held_until }: PendingEntry, index: number): string {
  const held = held_until === undefined ? '' : ` (held until ${new Date(held_until).toISOString()})`
  const boundary = `${delivery.boundary}${delivery.barrier ? ', barrier' : ''}`
  return `| ${String(index + 1)} | ${pending_id}${held} | ${String(revision)} | ${boundary} | ${agent_id} |`
}
