import type { Store } from '../../store/store.ts'
import type { ThreadRef } from '../../thread/ports.ts'
import type { Inbox } from './inbox.ts'

/**
 * Looks how far the logs go that somebody follows, should a notification have been lost: one question for all open
 * streams of the process, so that many idle ones cost hardly more than one.
 */
export interface Heads {
  /** Tells the inbox of numbers that it has not heard of, and closes it once the thread is deleted. Returns the way to stop. */
  watch(ref: ThreadRef, inbox: Inbox): () => void
}

/** Threads asked for at once. */
const PAGE = 1_000

export function createHeads(store: Pick<Store, 'threads'>, poll_ms: number, closing: AbortSignal): Heads {
  const watched = new Map<string, { ref: ThreadRef; inboxes: Set<Inbox> }>()
  let timer: NodeJS.Timeout | null = null

  function plan(): void {
    if (timer !== null || watched.size === 0 || closing.aborted) return
    timer = setTimeout(() => {
      void look().finally(() => {
        timer = null
        plan()
      })
    }, poll_ms)
    timer.unref()
  }

  async function look(): Promise<void> {
    const entries = [...watched.values()].map(({ ref, inboxes }) => ({ ref, inboxes: [...inboxes] }))
    for (let from = 0; from < entries.length; from += PAGE) {
      const page = entries.slice(from, from + PAGE)
      // A store that is away knows nothing; whoever follows its threads waits for it like everybody.
      const rows = await store.threads.lastSeqs(page.map(({ ref }) => ref)).catch(() => null)
      if (rows === null) return
      const heads = new Map(rows.map((row) => [keyOf(row), row]))
      for (const { ref, inboxes } of page) {
        const head = heads.get(keyOf(ref))
        // A thread without a row is one that is being made: whoever submits listens before it is there.
        if (head === undefined) continue
        for (const inbox of inboxes) {
          if (head.deleted) inbox.close()
          else if (head.last_seq > inbox.lastSeq())
            inbox.tell({ type: 'events', thread_id: ref.thread_id, last_seq: head.last_seq })
        }
      }
    }
  }

  return {
    watch(ref, inbox) {
      const key = keyOf(ref)
      const entry = watched.get(key) ?? { ref, inboxes: new Set<Inbox>() }
      watched.set(key, entry)
      entry.inboxes.add(inbox)
      plan()
      return () => {
        entry.inboxes.delete(inbox)
        if (entry.inboxes.size === 0 && watched.get(key) === entry) watched.delete(key)
      }
    },
  }
}

function keyOf(ref: ThreadRef): string {
  return `${ref.tenant}/${ref.thread_id}`
}
