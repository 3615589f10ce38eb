// What a run costs above the least that a durable run can cost.
//
// The floor (bench/bare) is the plain SDK on the same Temporal server: an update-with-start of a workflow with one
// activity that writes one row in one Postgres transaction, and for a warm thread an update of a workflow that is there.
// Its database is of the same kind as Weft's: PGlite on disk, in the process of the worker. Weft is asked over HTTP, and
// its answer is read as an event stream to the end. So Weft's side pays for HTTP, validation, the log, the queue, the
// model step and the streams; the floor pays for what nobody can do without.
//
// Fair: both sides share the server and the machine and take turns, slice by slice, in both orders; the client's time
// counts on both sides; conversations are equally long, and so is the warming up. Not equal, and against Weft: the floor
// has no HTTP between.
// Every timed run is looked up afterwards: its record, its log without gaps, its two messages; the floor's by its rows.
import { createBareSubjects } from '../bare/subjects.ts'
import { startBareWorker } from '../bare/worker.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { checkRuns } from '../weft/check-runs.ts'
import { beginProgram, UNLIMITED } from '../weft/program.ts'
import { createWeftSubjects } from '../weft/subjects.ts'
import { measure } from './runs-measure.ts'
import { summary, table } from './runs-report.ts'

const SECONDS = { normal: 6, short: 0.8 }
/** One client alone has few turns in so short a time. */
const SECONDS_ALONE = { normal: 6, short: 2 }
const WARM_UP = { normal: 8, short: 3 }
const ROUNDS = { normal: 4, short: 2 }
const CLIENTS = { normal: [1, 8, 32, 128], short: [1, 8, 32] }
const WARM_TURNS = 10

export const runs: Part = {
  name: 'runs',
  about: 'latency, throughput and CPU time of runs beside a bare workflow',
  run: measureRuns,
}

async function measureRuns(context: Context): Promise<Outcome> {
  const kind = context.short ? 'short' : 'normal'
  const worker = startBareWorker()
  context.atEnd(() => worker.stop())
  const { api, temporal, processes } = await beginProgram(context, { env: UNLIMITED }).healthy
  await worker.serve(temporal)
  const bare = await createBareSubjects(temporal, WARM_TURNS)
  context.atEnd(() => bare.close())
  const weft = createWeftSubjects(api, WARM_TURNS)
  context.atEnd(() => weft.close())
  const server = processes['temporal'] ?? 0
  const measured = await measure(
    {
      bare: { new_thread: bare.fresh, warm_thread: bare.warm },
      weft: { new_thread: weft.fresh, warm_thread: weft.warm },
    },
    {
      clients: CLIENTS[kind],
      seconds: (clients) => context.seconds ?? (clients === 1 ? SECONDS_ALONE : SECONDS)[kind],
      rounds: ROUNDS[kind],
      warm_up: WARM_UP[kind],
      processes: { bare: { temporal: server, worker: worker.pid }, weft: { temporal: server, worker: processes['worker'] ?? 0 } },
      signal: context.signal,
      report: context.report,
    },
  )
  context.report('asking the stores for every run')
  const { stored, problems } = await checkRuns(api, weft.runs)
  const rows = await worker.rows()
  const told = bare.ended()
  // A turn that failed for its client may still have written its row.
  const missing = rows < told ? [`The bare activity has written ${String(rows)} rows for ${String(told)} runs.`] : []
  const all = [...weft.runs.values()].flat().length
  const { ratios, ...rest } = summary(measured)
  return {
    table: table(measured),
    notes: [
      'bare: one update-with-start (warm: one update), one activity, one row in one transaction; ratio: weft / bare.',
      `${String(stored)} of ${String(all)} runs are stored with an end, a whole log and two messages; ${String(rows)} rows for ${String(told)} bare runs.`,
      `${String(weft.askedAgain())} requests were answered 503 and sent again with their Idempotency-Key, on the clock of their turn.`,
    ],
    json: { ...rest, runs_checked: stored, bare_rows: rows, asked_again: weft.askedAgain() },
    ratios,
    wrong: [...measured.failures, ...problems, ...missing],
  }
}
