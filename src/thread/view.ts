import { activeRun } from './draft.ts'
import { summaryOf } from './batch.ts'
import type { JsonObject } from './json.ts'
import type { Ticket } from './records.ts'
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
    epoch,
    unstored_events: unstored.events.length,
    needs_reconcile,
  }
}

/** Query `active_run`: the open run's record, or null. */
export function activeRunView(state: ThreadState): { active_run: RunState['record'] | null } {
  return { active_run: activeRun(state)?.record ?? null }
}

/** Query `pending`: the queue in order, without content (that is in the store). */
export function pendingView(state: ThreadState): { items: PendingEntry[]; queue_revision: number } {
  return { items: state.queue, queue_revision: state.queue_revision }
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
    lines.push('', '| # | pending | boundary | agent |', '| --- | --- | --- | --- |', ...state.queue.slice(0, 20).map(queueLine))
  if (state.queue.length > 20) lines.push('', `… and ${String(state.queue.length - 20)} more`)
  return lines.join('\n')
}

function ticketLines(state: ThreadState, ticket: Ticket): string[] {
  const input = JSON.stringify({ tool_call_id: ticket.tool_call_id, action: 'resume' })
  const target = `--workflow-id '${state.tenant}/${state.thread_id}' --name decision`
  return [
    `Waits for a decision on **${ticket.tool_name}** (${ticket.reason}), since ${new Date(ticket.created_at).toISOString()}`,
    '',
    '```json',
    JSON.stringify(ticket.arguments, null, 2).slice(0, 2000),
    '```',
    '',
    'Approve:',
    '```sh',
    `${state.settings.cli} workflow signal ${target} --input '${input}'`,
    '```',
    'Deny:',
    '```sh',
    `${state.settings.cli} workflow signal ${target} --input '${input.replace('"resume"', '"cancel"')}'`,
    '```',
  ]
}

function queueLine(entry: PendingEntry, index: number): string {
  return `| ${String(index + 1)} | ${entry.pending_id} | ${entry.delivery.boundary} | ${entry.agent_id} |`
}
