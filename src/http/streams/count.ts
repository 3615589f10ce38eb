import { HttpProblem } from '../problems.ts'

/** Streams that are open in this process, in all and of each tenant. */
export type StreamCount = {
  /** Throws `too_many_streams` when one more of this tenant would be too many. */
  check(tenant: string): void
  /** One is open from now on, until what is returned is called. */
  enter(tenant: string): () => void
  inAll(): number
}

/** `per_tenant` 0: as many as there may be in all. */
export function createStreamCount(in_all: number, per_tenant: number): StreamCount {
  const open = new Map<string, number>()
  let all = 0
  return {
    inAll: () => all,
    check(tenant) {
      if (all >= in_all) throw tooMany('The service has')
      if (per_tenant > 0 && (open.get(tenant) ?? 0) >= per_tenant) throw tooMany('Your tenant has')
    },
    enter(tenant) {
      all += 1
      open.set(tenant, (open.get(tenant) ?? 0) + 1)
      return () => {
        all -= 1
        const left = (open.get(tenant) ?? 0) - 1
        if (left > 0) open.set(tenant, left)
        else open.delete(tenant)
      }
    },
  }
}

function tooMany(who: string): HttpProblem {
  return new HttpProblem('too_many_streams', `${who} as many open streams here as it may; close some, or try again later.`)
}
