import type { LiveBus, LiveFrame } from './bus.ts'
import { createListeners } from './listeners.ts'

/**
 * The live bus of a single process. Frames reach listeners in the order of publication, a microtask after
 * `publish`, so that a publisher never runs a subscriber's code on its own stack.
 */
export function createInProcessBus(): LiveBus {
  const listeners = createListeners()
  let queue: { tenant: string; frame: LiveFrame }[] = []
  let scheduled = false
  let closed = false

  function drain(): void {
    scheduled = false
    const batch = queue
    queue = []
    for (const { tenant, frame } of batch) listeners.deliver(tenant, frame)
  }

  return {
    publish(tenant, frame) {
      if (closed) return
      queue.push({ tenant, frame })
      if (scheduled) return
      scheduled = true
      queueMicrotask(drain)
    },
    subscribe: (tenant, thread_id, listener) => (closed ? () => {} : listeners.add(tenant, thread_id, listener)),
    close() {
      closed = true
      queue = []
      listeners.clear()
      return Promise.resolve()
    },
  }
}
