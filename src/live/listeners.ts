import type { LiveFrame } from './bus.ts'

type Listener = (frame: LiveFrame) => void

/** Who listens to which thread in this process. A listener that throws does not keep the others from hearing. */
export type Listeners = {
  add(tenant: string, thread_id: string, listener: Listener): () => void
  deliver(tenant: string, frame: LiveFrame): void
  clear(): void
}

/** `onError` hears of what a listener threw. */
export function createListeners(onError: (error: unknown) => void = () => {}): Listeners {
  const byThread = new Map<string, Set<Listener>>()
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
      for (const listener of [...(byThread.get(threadKey(tenant, frame.thread_id)) ?? [])]) {
        try {
          listener(frame)
        } catch (error) {
          onError(error)
        }
      }
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
