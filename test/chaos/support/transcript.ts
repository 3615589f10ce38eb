import type { LogEvent } from '../../../src/thread/envelope.ts'

type Part = { type: string; tool_call_id?: string }

/**
 * Whether the committed messages are a conversation that a model takes: every call of an answer has one result, and
 * nothing else stands between the answer and its results. Calls at the very end may still be open.
 */
export function transcriptProblems(log: readonly LogEvent[]): string[] {
  const wrong: string[] = []
  let open = new Set<string>()
  const seen = new Set<string>()
  for (const { kind, payload } of log) {
    if (kind !== 'MessageCommitted') continue
    const at = `message ${String(payload['message_seq'])}`
    const content = payload['content_blocks']
    const parts = Array.isArray(content) ? (content as Part[]) : []
    if (payload['role'] === 'tool') {
      for (const { type, tool_call_id = '' } of parts) {
        if (type !== 'tool_result') continue
        if (!open.delete(tool_call_id)) wrong.push(`${at}: a result of ${tool_call_id}, which is not open`)
      }
      continue
    }
    if (open.size > 0) wrong.push(`${at}: ${[...open].join(', ')} has no result before it`)
    open = new Set(
      parts.flatMap(({ type, tool_call_id }) => (type === 'tool_call' && tool_call_id !== undefined ? [tool_call_id] : [])),
    )
    for (const id of open) {
      if (seen.has(id)) wrong.push(`${at}: the call ${id} was there before`)
      seen.add(id)
    }
  }
  return wrong
}
