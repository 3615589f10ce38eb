import { pages } from './pages.ts'

type RunRow = { run_id: string; status: string; termination: { type: string } | null }
export type EventRow = { event_seq: number; kind: string; run_id: string | null }
export type MessageRow = { message_seq: number; run_id: string | null }

const SIDE_BY_SIDE = 8

/**
 * What the store says of these runs (by thread): how many of them it has as ended by themselves, with a whole log and
 * their two messages, and a sentence for whatever is missing. A run that was seen to end but is not stored was none.
 */
export async function checkRuns(
  api: string,
  runs: ReadonlyMap<string, readonly string[]>,
): Promise<{ stored: number; problems: string[] }> {
  const rows = new Map((await pages<RunRow>(`${api}/v1/runs`)).map((row) => [row.run_id, row]))
  const wrong = new Map<string, string>()
  for (const run_id of [...runs.values()].flat()) {
    const row = rows.get(run_id)
    if (row === undefined) wrong.set(run_id, `The run ${run_id} is not in the store.`)
    else if (row.status !== 'done' || row.termination?.type !== 'natural_end')
      wrong.set(run_id, `The run ${run_id} is ${row.status} in the store (${row.termination?.type ?? 'no end'}).`)
  }
  const left = [...runs]
  const one = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [thread_id, run_ids] = next
      const [events, messages] = await Promise.all([
        pages<EventRow>(`${api}/v1/threads/${thread_id}/events`),
        pages<MessageRow>(`${api}/v1/threads/${thread_id}/messages?order=asc`),
      ])
      for (const run_id of run_ids) {
        const problem = logProblem(run_id, events) ?? messageProblem(run_id, messages)
        if (problem !== null) wrong.set(run_id, `The run ${run_id} ${problem}.`)
      }
      const problem = threadProblem(run_ids, events, messages)
      if (problem !== null) wrong.set(thread_id, `The thread ${thread_id} ${problem}.`)
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one))
  const all = [...runs.values()].flat()
  return { stored: all.filter((run_id) => !wrong.has(run_id)).length, problems: [...wrong.values()] }
}

export function logProblem(run_id: string, events: readonly EventRow[]): string | null {
  const own = events.filter((event) => event.run_id === run_id)
  const started = own.filter(({ kind }) => kind === 'RunStarted')
  const finished = own.filter(({ kind }) => kind === 'RunFinished')
  if (started.length !== 1 || finished.length !== 1)
    return `has ${String(started.length)} beginnings and ${String(finished.length)} ends in its log`
  return (started[0]?.event_seq ?? 0) < (finished[0]?.event_seq ?? 0) ? null : 'ended before it began'
}

function messageProblem(run_id: string, messages: readonly MessageRow[]): string | null {
  const own = messages.filter((message) => message.run_id === run_id).length
  return own === 2 ? null : `has ${String(own)} messages instead of 2`
}

/** Numbers without a gap, and nothing but what these runs have made. */
export function threadProblem(
  run_ids: readonly string[],
  events: readonly EventRow[],
  messages: readonly MessageRow[],
): string | null {
  const gap = events.findIndex(({ event_seq }, index) => event_seq !== index + 1)
  if (gap !== -1) return `has number ${String(events[gap]?.event_seq)} as event ${String(gap + 1)}`
  const hole = messages.findIndex(({ message_seq }, index) => message_seq !== index + 1)
  if (hole !== -1) return `has number ${String(messages[hole]?.message_seq)} as message ${String(hole + 1)}`
  const wanted = 2 * run_ids.length
  return messages.length === wanted ? null : `has ${String(messages.length)} messages instead of ${String(wanted)}`
}
