import type { LiveFrame } from '../../live/bus.ts'
import { isObject } from '../../thread/json.ts'
import type { RunEvent } from '../schemas/events.ts'
import { createReceivedText, type ReceivedText } from './received-text.ts'

type Delta = Extract<LiveFrame, { type: 'delta' | 'tool_call_start' | 'tool_call_delta' }>
type Call = { args: ReceivedText }

/** One attempt of a model step on its way to a reader, from live frames and, at its end, from the log. */
export type OpenStep = {
  readonly step: number
  readonly attempt: number
  readonly message_id: string
  /** A live frame's news; null when frames before it were lost. */
  live(frame: Delta): RunEvent[] | null
  /** What the committed message has and the live frames did not bring; null when they brought something else. */
  commit(blocks: unknown): RunEvent[] | null
  /** `tool_call_start` for a call that was not announced yet. */
  announce(id: string, name: string): RunEvent[]
}

export function openStep(step: number, attempt: number, message_id: string): OpenStep {
  const text = { text: createReceivedText(), reasoning: createReceivedText() }
  const calls = new Map<string, Call>()

  function announce(id: string, name: string): RunEvent[] {
    if (calls.has(id)) return []
    calls.set(id, { args: createReceivedText() })
    return [{ event_type: 'tool_call_start', id, name }]
  }

  function live(frame: Delta): RunEvent[] | null {
    if (frame.type === 'tool_call_start') return announce(frame.id, frame.name)
    if (frame.type === 'delta') {
      const news = text[frame.kind].accept(frame.offset, frame.delta)
      return news === null ? null : deltas(frame.kind, news)
    }
    const news = calls.get(frame.id)?.args.accept(frame.offset, frame.args_delta) ?? null
    if (news === null) return null
    return news === '' ? [] : [{ event_type: 'tool_call_delta', id: frame.id, args_delta: news }]
  }

  function commit(blocks: unknown): RunEvent[] | null {
    const parts = Array.isArray(blocks) ? blocks.filter(isObject) : []
    const reasoning = text.reasoning.complete(joined(parts, 'reasoning'))
    const answer = text.text.complete(joined(parts, 'text'))
    if (reasoning === null || answer === null) return null
    const started = parts.filter(isCall).flatMap((part) => {
      const announced = announce(part.tool_call_id, part.tool_name)
      // Arguments as the model wrote them may differ in white space; then tool_call_ready alone brings them.
      const rest = calls.get(part.tool_call_id)?.args.complete(JSON.stringify(part.arguments ?? null)) ?? ''
      return rest === ''
        ? announced
        : [...announced, { event_type: 'tool_call_delta' as const, id: part.tool_call_id, args_delta: rest }]
    })
    return [...deltas('reasoning', reasoning), ...deltas('text', answer), ...started]
  }

  return { step, attempt, message_id, live, commit, announce }
}

function deltas(kind: 'text' | 'reasoning', delta: string): RunEvent[] {
  if (delta === '') return []
  return [kind === 'text' ? { event_type: 'text_delta', delta } : { event_type: 'reasoning_delta', delta }]
}

function joined(parts: readonly Record<string, unknown>[], type: 'text' | 'reasoning'): string {
  return parts.flatMap((part) => (part['type'] === type && typeof part['text'] === 'string' ? [part['text']] : [])).join('')
}

function isCall(part: Record<string, unknown>): part is { tool_call_id: string; tool_name: string; arguments?: unknown } {
  return part['type'] === 'tool_call' && typeof part['tool_call_id'] === 'string' && typeof part['tool_name'] === 'string'
}
