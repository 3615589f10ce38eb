import { randomUUID } from 'node:crypto'
import type { LeaseRows } from '../store/store.ts'

/** A look is one process's for so many of its pauses: the same one has it the next time, and another soon after its end. */
const LEASE_PAUSES = 1.5

type Look = () => Promise<void>

/**
 * Looks that one of all processes takes for all, by a lease of the store. The first look of each process is not asked
 * for: the one that has the lease may be the one that was killed a moment ago. Where a look fails the lease is given up,
 * since another process may reach what this one does not.
 */
export function leaseLooks(leases: LeaseRows): { only: (name: string, every_ms: number, look: Look) => Look; release: Look } {
  const holder = randomUUID()
  const names: string[] = []
  // It runs out by itself as well.
  const give = (name: string): Promise<void> => leases.release(name, holder).catch(() => undefined)
  return {
    only: (name, every_ms, look) => {
      names.push(name)
      let first = true
      return async () => {
        const ours = await leases.take(name, holder, every_ms * LEASE_PAUSES)
        if (!ours && !first) return
        first = false
        try {
          await look()
        } catch (error) {
          await give(name)
          throw error
        }
      }
    },
    release: async () => void (await Promise.all(names.map(give))),
  }
}
