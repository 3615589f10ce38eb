import type { LogEvent } from '../envelope.ts'
import type { ThreadEvent } from '../event.ts'
import type { Content, ContentPart } from '../message.ts'

/**
 * An event of the log as the thread gave it, its references resolved: the opposite of `toLogEvent`. The log shows
 * content as a list of parts; one part of text comes back as the plain text that it is short for.
 */
export function fromLogEvent(logged: LogEvent): ThreadEvent {
  const { thread_id: _thread, run_id: _run, lost: _lost, ...payload } = logged.payload
  const event = {
    seq: logged.event_seq,
    at: logged.occurred_at,
    kind: logged.kind,
    run_id: logged.run_id,
    payload: logged.kind === 'MessageCommitted' ? messagePayload(payload) : payload,
    ...(logged.causation_id === null ? {} : { caused_by: logged.causation_id }),
  }
  return event as unknown as ThreadEvent
}

function messagePayload({ content_blocks, message_kind: _kind, ...rest }: Record<string, unknown>): object {
  return { ...rest, content: shortContent((content_blocks ?? []) as ContentPart[]) }
}

function shortContent(parts: ContentPart[]): Content {
  const [only] = parts
  return parts.length === 1 && only?.type === 'text' && Object.keys(only).length === 2 ? only.text : parts
}
