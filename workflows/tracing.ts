import type { Payload } from '@temporalio/common'
import type { Headers, WorkflowInterceptorsFactory } from '@temporalio/workflow'
import { fieldsOf } from '../src/thread/json.ts'
import { runIdOf, type PackedRun } from '../src/thread/packed.ts'
import { CARRIER, ORIGIN, ORIGIN_OF } from '../src/thread/trace-headers.ts'

/** The context of the last command on a run, for a new execution. */
const LATEST_OF = '_weft-latest/'
/** Contexts of so many runs are remembered; what is older has ended long ago or begins a trace of its own. */
const MAX_RUNS = 64

type RunTrace = { origin: Payload | undefined; latest: Payload | undefined }

/**
 * Hands trace contexts on, unread: what a command brought goes to the activities of the run that it was about. This is
 * bundled only where traces are sent. It touches headers and nothing else, so a history replays with it and without.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const runs = new Map<string, RunTrace>()
  /** Of what has come in last; undefined when that had none. */
  let last: Payload | undefined

  function set(run_id: string, trace: RunTrace): void {
    runs.set(run_id, trace)
    for (const oldest of runs.keys()) if (runs.size > MAX_RUNS) runs.delete(oldest)
  }
  /** A run that no answer has named, as one that a signal started, belongs to what came in last. */
  function traceOf(run_id: string | undefined): RunTrace {
    if (run_id === undefined) return { origin: last, latest: last }
    const known = runs.get(run_id) ?? { origin: last, latest: last }
    if (!runs.has(run_id)) set(run_id, known)
    return known
  }
  function headersFor(input: unknown): Headers {
    const { run_id, ended } = runsOf(input)
    const { origin, latest } = traceOf(run_id)
    const headers: Headers = {}
    if (latest !== undefined) headers[CARRIER] = latest
    if (origin !== undefined && origin !== latest) headers[ORIGIN] = origin
    for (const id of ended) {
      const of = traceOf(id).origin
      if (of !== undefined) headers[ORIGIN_OF + id] = of
    }
    return headers
  }

  return {
    inbound: [
      {
        execute(input, next) {
          last = input.headers[CARRIER]
          // A first run is stored before the start, and nobody sends its command here.
          const { state, first } = fieldsOf(input.args[0])
          const { active_run_id } = fieldsOf(state)
          if (first === true && typeof active_run_id === 'string') set(active_run_id, { origin: last, latest: last })
          for (const [name, origin] of Object.entries(input.headers)) {
            if (!name.startsWith(ORIGIN_OF)) continue
            const run_id = name.slice(ORIGIN_OF.length)
            set(run_id, { origin, latest: input.headers[LATEST_OF + run_id] ?? origin })
          }
          return next(input)
        },
        handleUpdate(input, next) {
          const trace = input.headers[CARRIER]
          last = trace
          const answer = next(input)
          // Beside the answer's way, which must not become longer by a turn.
          answer.then(
            (given) => {
              const { run_id, replayed } = movedRun(given)
              const known = run_id === undefined ? undefined : runs.get(run_id)
              // What another process has stored comes here as a repeat, and nobody has told it yet.
              if (run_id === undefined || (replayed && known !== undefined)) return
              set(run_id, { origin: known === undefined ? trace : known.origin, latest: trace ?? known?.latest })
            },
            () => undefined,
          )
          return answer
        },
        handleSignal(input, next) {
          last = input.headers[CARRIER]
          return next(input)
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: { ...input.headers, ...headersFor(input.args[0]) } }),
        scheduleLocalActivity: (input, next) => next({ ...input, headers: { ...input.headers, ...headersFor(input.args[0]) } }),
        continueAsNew(input, next) {
          const headers: Headers = { ...input.headers }
          for (const [run_id, { origin, latest }] of runs) {
            if (origin !== undefined) headers[ORIGIN_OF + run_id] = origin
            if (origin !== undefined && latest !== undefined && latest !== origin) headers[LATEST_OF + run_id] = latest
          }
          return next({ ...input, headers })
        },
      },
    ],
  }
}

/** The run that a command has started or changed, by its answer; by a repeat (`replayed`) nothing has changed. */
function movedRun(answer: unknown): { run_id: string | undefined; replayed: boolean } {
  const { ok, replayed, outcome } = fieldsOf(answer)
  const { run_id } = fieldsOf(outcome)
  return { run_id: ok === true && typeof run_id === 'string' ? run_id : undefined, replayed: replayed !== false }
}

/** The run that an activity works for; of a batch the first that has changed, and all that end with it. */
function runsOf(input: unknown): { run_id: string | undefined; ended: string[] } {
  const { run_id, ended, touched } = fieldsOf(input)
  if (typeof run_id === 'string') return { run_id, ended: [] }
  const ends = (list(ended) as PackedRun[]).map(runIdOf)
  const [first] = [...ends, ...list(touched).map(String)]
  return { run_id: first, ended: ends }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
