import { findings, sameList, type Of, type Rule } from './log-story.ts'

/** Every message is committed once, numbered, chained to the one before, and covered by one checkpoint of its run. */
export const messageRules: Rule = (log) => {
  const { found, check } = findings()
  const ids = new Set<string>()
  let seq = 0
  let last: string | null = null
  let uncovered: Of<'MessageCommitted'>[] = []
  for (const event of log) {
    if (event.kind === 'ThreadForked') {
      check(event, event.event_seq === 1, 'a thread is forked before anything else')
      seq = event.payload.at_message_seq
      last = event.payload.last_message_id
      ids.add(last)
    } else if (event.kind === 'MessageCommitted') {
      const { message_id, message_seq, parent_message_id } = event.payload
      check(event, message_seq === seq + 1, `message ${String(message_seq)} follows ${String(seq)}`)
      check(event, !ids.has(message_id), `message ${message_id} is committed again`)
      check(event, parent_message_id === last, 'its parent is not the message before it')
      ids.add(message_id)
      seq = message_seq
      last = message_id
      uncovered.push(event)
    } else if (event.kind === 'ThreadMessagesCheckpointed') {
      const { message_seq_start, message_seq_end, message_ids } = event.payload
      const covered = uncovered.map(({ payload }) => payload)
      check(event, message_seq_start === covered[0]?.message_seq, 'it does not start where the last checkpoint ended')
      check(event, message_seq_end === covered.at(-1)?.message_seq, 'it does not end at the last message')
      check(
        event,
        sameList(
          message_ids,
          covered.map(({ message_id }) => message_id),
        ),
        'its ids are not those of its messages',
      )
      check(
        event,
        uncovered.every(({ run_id }) => run_id === event.run_id),
        'it covers messages of another run',
      )
      uncovered = []
    }
  }
  for (const event of uncovered) check(event, false, 'no checkpoint covers it')
  return found
}
