import { tooManyMadeUp } from './principal.ts'

/** Look-ups of addresses from which made-up keys keep coming: a few at a time, address by address. */
export type LookUpLane = {
  /** Throws `NotAuthenticated` (`too_many`) when no turn came in time, and what `look` throws. */
  run<T>(address: string, look: () => Promise<T>): Promise<T>
}

type Waiting = { go: () => void }

/**
 * `width` look-ups at once, whatever number is asked for: a flood of made-up keys costs the store as much as `width`
 * more clients. Addresses take turns, so that one's flood is not in another's way; within one, who came first is first.
 * Nothing is refused for being one of many, since a good key may be among them; only who waits for `patience_ms` is.
 */
export function createLookUpLane(width: number, patience_ms: number): LookUpLane {
  /** In the order of the turns. */
  const waiting = new Map<string, Set<Waiting>>()
  let busy = 0

  function next(): void {
    if (busy >= width) return
    const [first] = waiting
    if (first === undefined) return
    const [address, queue] = first
    const [one] = queue
    waiting.delete(address)
    if (one === undefined) return
    queue.delete(one)
    if (queue.size > 0) waiting.set(address, queue)
    busy += 1
    one.go()
  }

  function turn(address: string): Promise<void> {
    return new Promise((resolve, refuse) => {
      const queue = waiting.get(address) ?? new Set<Waiting>()
      const late = setTimeout(() => {
        queue.delete(one)
        if (queue.size === 0 && waiting.get(address) === queue) waiting.delete(address)
        refuse(tooManyMadeUp())
      }, patience_ms)
      const one: Waiting = {
        go: () => {
          clearTimeout(late)
          resolve()
        },
      }
      queue.add(one)
      waiting.set(address, queue)
      next()
    })
  }

  return {
    async run(address, look) {
      await turn(address)
      try {
        return await look()
      } finally {
        busy -= 1
        next()
      }
    },
  }
}
