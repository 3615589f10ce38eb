// What a run costs each kind of process when each stands by itself: an API, a worker, a PostgreSQL (fsync off) and a
// Temporal server with the settings of the embedded one. CPU time by the kernel's count, with all children,
// as which PostgreSQL works; the clients' is not in it.
import { deploy } from '../../test/chaos/support/deployment.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { interleave } from '../support/interleave.ts'
import { load } from '../support/load.ts'
import { addCpu, familyCpuMs, perOne, withCpu, type ByProcess } from '../support/processes.ts'
import { figures, roundedAll } from '../support/stats.ts'
import type { Turn } from '../support/subject.ts'
import { checkRuns } from '../weft/check-runs.ts'
import { UNLIMITED } from '../weft/program.ts'
import { createWeftSubjects } from '../weft/subjects.ts'
import { KINDS } from './runs-measure.ts'

const SIZES = {
  normal: { clients: [1, 8, 32], seconds: 6, rounds: 4, warm_up_ms: 8_000 },
  short: { clients: [8], seconds: 2, rounds: 1, warm_up_ms: 1_000 },
}
const WARM_TURNS = 10
const WARM_UP_CLIENTS = 8

export const apart: Part = {
  name: 'apart',
  about: 'CPU time of a run in an API, a worker, PostgreSQL and Temporal, each by itself (ms)',
  run: measureApart,
}

async function measureApart(context: Context): Promise<Outcome> {
  const { clients, seconds, rounds, warm_up_ms } = SIZES[context.short ? 'short' : 'normal']
  const deploying = deploy({ apis: 1, workers: 1 }, UNLIMITED)
  context.atEnd(async () => (await deploying.catch(() => null))?.end())
  const { urls, apis, workers, postgres, temporal } = await deploying
  const processes = {
    api: apis[0]?.pid ?? 0,
    worker: workers[0]?.pid ?? 0,
    postgresql: postgres.pid,
    temporal: temporal.pid() ?? 0,
  }
  const api = urls[0] ?? ''
  const weft = createWeftSubjects(api, WARM_TURNS)
  context.atEnd(() => weft.close())
  const subjects = { new_thread: weft.fresh, warm_thread: weft.warm }
  const cells = clients.flatMap((count) =>
    KINDS.map((kind) => ({ kind, count, turns: [] as Turn[], runs: 0, cpu: {} as ByProcess })),
  )
  const wrong: string[] = []
  const slice_ms = ((context.seconds ?? seconds) * 1_000) / rounds
  context.report('warming up')
  for (const kind of KINDS) await load(subjects[kind], WARM_UP_CLIENTS, warm_up_ms, context.signal)
  context.report('measuring')
  await interleave(cells, { rounds, signal: context.signal }, async (cell) => {
    const turn = () => load(subjects[cell.kind], cell.count, slice_ms, context.signal)
    const { result: done, cpu } = await withCpu(processes, turn, familyCpuMs)
    addCpu(cell.cpu, cpu)
    cell.turns.push(...done.turns)
    cell.runs += done.runs
    wrong.push(...done.failures.map((failure) => `${cell.kind}: ${failure}`))
  })
  wrong.push(...(await checkRuns(api, weft.runs)).problems)
  const measured = cells.map(({ kind, count, turns, runs, cpu }) => ({
    name: `${kind}_c${String(count)}`,
    ...figures(turns, count),
    cpu: perOne(cpu, runs),
  }))
  const columns = [...Object.keys(processes), 'total']
  return {
    table: grid(
      ['CPU of a run', ...columns, 'runs per second'],
      measured.map(({ name, cpu, runs_per_second }) => [
        name.replaceAll('_', ' '),
        ...columns.map((process) => cpu[process] ?? NaN),
        runs_per_second,
      ]),
    ),
    notes: ['All on one machine, so runs per second say little.'],
    json: roundedAll(Object.fromEntries(measured.map(({ name, ...rest }) => [name, rest]))),
    ratios: {},
    wrong,
  }
}
