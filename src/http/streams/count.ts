import { HttpProblem } from '../problems.ts'

/** Streams that are open in this process, in all and of each tenant. */
export type StreamCount = {
  /** A place for the stream of one request of this tenant, which does not have it yet. */
  place(tenant: string): StreamPlace
  inAll(): number
}

export type StreamPlace = {
  /** Takes the place if it is not taken. Throws `too_many_streams` when that would be one too many. */
  take(): void
  /** Gives it back if it was taken. */
  leave(): void
}

/** `per_tenant` 0: as many as there may be in all. */
export function createStreamCount(in_all: number, per_tenant: number): StreamCount {
  const open = new Map<string, number>()
  let all = 0
  const enter = (tenant: string): void => {
    if (all >= in_all) throw tooMany('The service has')
    if (per_tenant > 0 && (open.get(tenant) ?? 0) >= per_tenant) throw tooMany('Your tenant has')
    all += 1
    open.set(tenant, (open.get(tenant) ?? 0) + 1)
  }
  const exit = (tenant: string): void => {
    all -= 1
    const left = (open.get(tenant) ?? 0) - 1
    if (left > 0) open.set(tenant, left)
    else open.delete(tenant)
  }
  return {
    inAll: () => all,
    place(tenant) {
      let taken = false
      return {
        take() {
          if (taken) return
          enter(tenant)
          taken = true
        },
        leave() {
          if (taken) exit(tenant)
          taken = false
        },
      }
    },
  }
}

function tooMany(who: string): HttpProblem {
  return new HttpProblem('too_many_streams', `${who} as many open streams here as it may; close some, or try again later.`)
}
