import { Life, type Nature } from './life.ts'
import { Random } from './random.ts'

/** Many lives, each told by its seed; the first that goes wrong is made short and told in full. */
export type Failure = { seed: number; length: number; error: string; trace: string[] }

/** What happens in one life: a number for each thing.  */
export function actionsOf(seed: number): { actions: number[]; nature: Nature } {
  const r = new Random(seed)
  const nature = { away: r.chance(10), busy: r.chance(30) }
  const length = 1 + r.below(100)
  return { actions: Array.from({ length }, () => r.bits()), nature }
}

/** Lives one life to its end and to rest. Throws what went wrong. */
export function live(actions: readonly number[], nature: Nature, trace = false): Life {
  const life = new Life(nature, trace)
  try {
    for (const action of actions) life.act(action)
    rest(life)
  } catch (error) {
    throw new Gone(error instanceof Error ? error : new Error(String(error)), life.trace ?? [])
  }
  return life
}

export class Gone extends Error {
  readonly trace: string[]

  constructor(cause: Error, trace: string[]) {
    super(cause.message, { cause })
    this.trace = trace
  }
}

/** The first of `count` lives from `seed` on that goes wrong, if any. */
export function firstFailure(seed: number, count: number): Failure | null {
  for (let i = 0; i < count; i++) {
    const { actions, nature } = actionsOf(seed + i)
    const error = failure(actions, nature)
    if (error !== null) return shorten(seed + i, actions, nature)
  }
  return null
}

function failure(actions: readonly number[], nature: Nature): string | null {
  try {
    live(actions, nature)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Leaves out what is not needed for the failure, as long as something fails. */
function shorten(seed: number, actions: readonly number[], nature: Nature): Failure {
  let rest = [...actions]
  for (let size = Math.ceil(rest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < rest.length;) {
      const without = rest.toSpliced(at, size)
      if (failure(without, nature) === null) at += size
      else rest = without
    }
  }
  try {
    live(rest, nature, true)
  } catch (error) {
    if (error instanceof Gone) return { seed, length: rest.length, error: error.message, trace: error.trace }
  }
  return { seed, length: rest.length, error: 'the shortened life went well', trace: [] }
}

/** Lets everything come to its end: effects succeed, people answer, the queue goes on, holds run out. */
function rest(life: Life): void {
  const r = new Random(1)
  for (let i = 0; i < 2_000; i++) {
    const effect = life.effects()[0]
    if (effect !== undefined) life.finish(effect, r, true)
    else if (life.state.active_run_id !== null && life.box.waiting()) {
      const call = [...(life.box.open?.calls.keys() ?? [])][0] ?? ''
      life.tell({ type: 'decision', body: { tool_call_id: call, action: 'resume', payload: { result: 1 } } }, 'update')
    } else if (life.state.active_run_id !== null) life.wait(5_000)
    else if (life.state.parked) life.tell({ type: 'resume_queue', body: {} }, 'update')
    else if (life.state.queue.length > 0) life.wait(60_000)
    else break
    if (i % 10 === 0) life.store()
  }
  life.invariants.atRest(life.state)
  life.store()
}
