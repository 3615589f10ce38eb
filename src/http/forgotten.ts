import type { ThreadRef } from '../thread/ports.ts'
import type { HttpContext } from './options.ts'

/**
 * A sentence for "there is no such message" on a thread whose oldest events were dropped: what they told of messages
 * that nobody read is not known any more, so nobody can say that there was none. Empty for a thread with its whole log.
 */
export async function forgotten({ store, tenant }: HttpContext, { thread_id }: ThreadRef): Promise<string> {
  const query = { thread_id, after_seq: Number.MAX_SAFE_INTEGER, limit: 1 }
  const { kept_from } = await store.conversation.listEvents(tenant, query)
  if (kept_from <= 1) return ''
  return ` Events before number ${String(kept_from)} were dropped for their age, and what they told of messages that nobody read.`
}
