// What a read costs above the least that a service can read for.
//
// The floor (bench/bare/reads-main.ts) is Express 5 in a process of its own: one route, one query by primary key, the
// result as JSON, PGlite on disk in the same process. It holds the items that Weft itself has answered with, for as
// many threads, so both look them up among as many rows and answer with as many bytes. Weft's side adds validation, the
// caller's identity and rate, cursors, totals, and the look whether the thread is there.
//
// Fair: one connection that stays open, one request after the other, both sides in turn and in both orders.
import { randomUUID } from 'node:crypto'
import { startBareReads } from '../bare/reads.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { interleave } from '../support/interleave.ts'
import { addCpu, withCpu, type ByProcess } from '../support/processes.ts'
import { percentile, ratio, roundedAll } from '../support/stats.ts'
import { analyze, copyThread, withStore } from '../weft/fill.ts'
import { timedGet } from '../weft/get.ts'
import { createAgent, postRun } from '../weft/post-run.ts'
import { getJson, postJson } from '../weft/pages.ts'
import { newPlace, startProgram, UNLIMITED } from '../weft/program.ts'

const SIZES = {
  normal: { threads: 1_000, runs: 20, seconds: 3, rounds: 6 },
  short: { threads: 100, runs: 3, seconds: 0.4, rounds: 2 },
}
const QUEUED = 5
/** For each read of each side: what is compared are services, and not their first requests. */
const WARM_UP_MS = 700
const LISTS = ['messages', 'pending', 'events', 'thread'] as const
type List = (typeof LISTS)[number]
type Side = 'bare' | 'weft'

export const reads: Part = {
  name: 'reads',
  about: 'messages, pending, events and thread beside a bare Express route with one query (ms)',
  run: measureReads,
}

async function measureReads(context: Context): Promise<Outcome> {
  const sizes = SIZES[context.short ? 'short' : 'normal']
  const agent = createAgent()
  context.atEnd(() => agent.destroy())
  const place = newPlace(context)
  const first = await startProgram(context, { place, env: UNLIMITED })
  const thread = randomUUID()
  for (let n = 0; n < sizes.runs; n++) await postRun(first.api, agent, thread, `Hello there, for the ${String(n + 1)}th time`)
  await first.stop()
  context.report('filling the store')
  await withStore(place.dataDir, async (database) => {
    await copyThread(database, thread, sizes.threads)
    await analyze(database)
  })
  const { api, processes } = await startProgram(context, { place, env: UNLIMITED })
  await queueSome(api, thread)
  const address: Record<List, string> = {
    messages: `${api}/v1/threads/${thread}/messages`,
    pending: `${api}/v1/threads/${thread}/pending`,
    events: `${api}/v1/threads/${thread}/events`,
    thread: `${api}/v1/threads/${thread}`,
  }
  const lists = await Promise.all(
    LISTS.map(async (list) => {
      const answer = await getJson<{ items?: unknown[]; messages?: unknown[] }>(address[list])
      return { list, thread, items: answer.items ?? answer.messages ?? [answer] }
    }),
  )
  const bare = await startBareReads(context, lists, sizes.threads)

  const cells = LISTS.flatMap((list) =>
    (['bare', 'weft'] as const).map((side) => ({ list, side, times: [] as number[], bytes: 0, cpu: {} as ByProcess })),
  )
  const wrong: string[] = []
  const slice_ms = ((context.seconds ?? sizes.seconds) * 1_000) / sizes.rounds
  context.report('measuring')
  const slice = async (cell: (typeof cells)[number], ms: number): Promise<number[]> => {
    const url = cell.side === 'weft' ? address[cell.list] : `${bare.address}/${cell.list}/${thread}`
    const times: number[] = []
    for (const deadline = performance.now() + ms; performance.now() < deadline;) {
      try {
        const got = await timedGet(url, agent)
        times.push(got.ms)
        cell.bytes = got.bytes
      } catch (error) {
        wrong.push(`${cell.side}, ${cell.list}: ${(error as Error).message}`)
        break
      }
    }
    return times
  }
  for (const cell of cells) await slice(cell, WARM_UP_MS)
  await interleave(cells, { rounds: sizes.rounds, signal: context.signal }, async (cell) => {
    const pid = cell.side === 'weft' ? processes['worker'] : bare.pid
    const { result, cpu } = await withCpu({ process: pid ?? 0 }, () => slice(cell, slice_ms))
    cell.times.push(...result)
    addCpu(cell.cpu, cpu)
  })

  const of = (list: List, side: Side) => {
    const { times, bytes, cpu } = cells.find((cell) => cell.list === list && cell.side === side) ?? {
      times: [],
      bytes: 0,
      cpu: {} as ByProcess,
    }
    const [p50, p99] = [percentile(times, 50), percentile(times, 99)]
    return { reads: times.length, bytes, p50, p99, cpu_ms: (cpu['process'] ?? NaN) / times.length }
  }
  const rows = LISTS.map((list) => {
    const [floor, ours] = [of(list, 'bare'), of(list, 'weft')]
    const compared = [ratio(ours.p50, floor.p50), ratio(ours.cpu_ms, floor.cpu_ms)].map((value) => value.toFixed(2))
    return [
      list,
      floor.p50,
      ours.p50,
      compared[0] ?? '',
      ours.p99,
      floor.cpu_ms,
      ours.cpu_ms,
      compared[1] ?? '',
      floor.bytes,
      ours.bytes,
    ]
  })
  return {
    table: grid(
      ['ms', 'bare p50', 'weft p50', 'ratio', 'weft p99', 'bare CPU', 'weft CPU', 'ratio', 'bare bytes', 'weft bytes'],
      rows,
    ),
    notes: [
      `${String(sizes.threads + 1)} threads of ${String(sizes.runs)} runs each in both stores; each read is of one page (50).`,
    ],
    json: roundedAll(Object.fromEntries(LISTS.map((list) => [list, { bare: of(list, 'bare'), weft: of(list, 'weft') }]))),
    ratios: Object.fromEntries(LISTS.map((list) => [`read_${list}`, ratio(of(list, 'weft').p50, of(list, 'bare').p50)])),
    wrong,
  }
}

/** A run that takes its time, and messages that wait behind it. */
async function queueSome(api: string, thread_id: string): Promise<void> {
  const say = (content: string): Promise<unknown> =>
    postJson(`${api}/v1/threads/${thread_id}/messages`, { messages: [{ role: 'user', content }] })
  await say('/slow 3000000\nlong')
  for (let n = 0; n < QUEUED; n++) await say(`and then number ${String(n)}`)
}
