import type { LiveFrame } from './bus.ts'

type Listener = (frame: LiveFrame) => void

/** Who listens to which thread in this process. A listener that throws does not keep the others from hearing. */
export type Listeners = {
  add(tenant: string, thread_id: string, listener: Listener): () => void
  deliver(tenant: string, frame: LiveFrame): void
  /** Tells everybody that frames may be missing. */
  missed(): void
  clear(): void
}

/** `onError` hears of what a listener threw. */
export function createListeners(onError: (error: unknown) => void = () => {}): Listeners {
  const byThread = new Map<string, Set<Listener>>()
  function call(listeners: Iterable<Listener>, frame: LiveFrame): void {
    for (const listener of [...listeners]) {
      try {
        listener(frame)
      } catch (error) {
        onError(error)
      }
    }
  }
  return {
    add(tenant, thread_id, listener) {
      const key = threadKey(tenant, thread_id)
      // Wrapped, so that one function may subscribe twice and each subscription ends by itself.
      const entry: Listener = (frame) => {
        listener(frame)
      }
      const set = byThread.get(key) ?? new Set<Listener>()
      byThread.set(key, set.add(entry))
      return () => {
        set.delete(entry)
        if (set.size === 0 && byThread.get(key) === set) byThread.delete(key)
      }
    },
    deliver(tenant, frame) {
      call(byThread.get(threadKey(tenant, frame.thread_id)) ?? [], frame)
    },
    missed() {
      for (const [key, listeners] of [...byThread])
        call(listeners, { type: 'missed', thread_id: key.slice(key.indexOf('/') + 1) })
    },
    clear() {
      byThread.clear()
    },
  }
}

/** A tenant's name has no slash, so the pair is one text without doubt. */
export function threadKey(tenant: string, thread_id: string): string {
  return `${tenant}/${thread_id}`
}
