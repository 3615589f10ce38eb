// What is held while nothing happens, and how long the service takes to be of use.
//
// Memory of an idle thread, of a run that waits for an answer, and of an open stream: a service is given so many of one
// kind, and what it holds then less what it held before is divided by their number. `JavaScript` is the heap and its
// buffers, from the process itself, `resident` what the kernel has given the process, `temporal` what it has given the
// server. The service collects garbage every second, and of many samples the lowest counts, so that what is left is what
// is held. Resident memory does not shrink: of small things it says little.
//
// Start-up: from the start of the process to the line that says where it listens, which it prints once it is healthy;
// median of three, on an empty directory, and of three on that directory as it then is. Idle: resident memory of each
// process of a service that has just started.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { megabytes, memoryOf } from '../../test/streams/support/server-memory.ts'
import { openViewer } from '../../test/streams/support/viewer.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { residentBytes } from '../support/processes.ts'
import { median, roundedAll } from '../support/stats.ts'
import { createAgent, postRun } from '../weft/post-run.ts'
import { postJson } from '../weft/pages.ts'
import { newPlace, startProgram, type Place, type Program } from '../weft/program.ts'

const SIZES = { normal: { each: 400, settle_ms: 6_000, starts: 3 }, short: { each: 20, settle_ms: 2_500, starts: 1 } }
const SAMPLE_MS = 250
const SIDE_BY_SIDE = 8
const COLLECTING = ['--expose-gc', '--import', 'data:text/javascript,setInterval(() => gc(), 1000).unref()']

type Held = { javascript: number; resident: number; temporal: number }

export const memory: Part = {
  name: 'memory',
  about: 'memory of idle threads, waiting runs and open streams, of all processes, and start-up time',
  run: measureMemory,
}

async function measureMemory(context: Context): Promise<Outcome> {
  const { each, settle_ms, starts } = SIZES[context.short ? 'short' : 'normal']
  context.report('starting, again and again')
  const empty: number[] = []
  const known: number[] = []
  const idle: Held[] = []
  for (let n = 0; n < starts; n++) {
    const place = newPlace(context)
    for (const times of [empty, known]) {
      const { ms, program } = await timedStart(context, place)
      times.push(ms)
      idle.push(await held(program, settle_ms))
      await program.stop()
    }
  }

  const program = await startProgram(context, { node_options: COLLECTING })
  const agent = createAgent()
  context.atEnd(() => agent.destroy())
  // What the first run loads stays, however many follow.
  await postRun(program.api, agent, randomUUID(), 'Hello there')
  const found: Record<string, Held> = {}
  let before = await held(program, settle_ms)
  const threads = Array.from({ length: each }, () => randomUUID())
  const kinds: [string, (thread: string) => Promise<unknown>][] = [
    ['idle_thread', (thread) => postRun(program.api, agent, thread, 'Hello there')],
    ['waiting_run', () => waitingRun(program.api)],
    ['open_stream', async (thread) => openStream(context, `${program.api}/v1/threads/${thread}/stream`)],
  ]
  for (const [kind, add] of kinds) {
    context.report(`${String(each)} of ${kind.replace('_', ' ')}`)
    await sideBySide(threads, add)
    const after = await held(program, settle_ms)
    found[kind] = less(after, before, each)
    before = after
  }

  const lowest = (figure: (one: Held) => number): number => median(idle.map(figure))
  const idle_bytes = { weft: lowest(({ resident }) => resident), temporal: lowest(({ temporal }) => temporal) }
  const start_ms = { empty: median(empty), known: median(known) }
  const kibibytes = (bytes: number): string => (bytes / 1_024).toFixed(1)
  return {
    table: [
      grid(
        [`KiB each, of ${String(each)}`, 'JavaScript', 'resident', 'temporal'],
        Object.entries(found).map(([kind, one]) => [
          kind.replace('_', ' '),
          ...[one.javascript, one.resident, one.temporal].map(kibibytes),
        ]),
      ),
      '',
      grid(
        ['idle', 'MiB resident'],
        [
          ['Weft (API, worker, database)', megabytes(idle_bytes.weft)],
          ['Temporal server', megabytes(idle_bytes.temporal)],
        ],
      ),
      '',
      grid(
        ['start-up', 'ms, median'],
        [
          ['on an empty directory', start_ms.empty],
          ['on one that has been used', start_ms.known],
        ],
      ),
    ].join('\n'),
    notes: [],
    json: roundedAll({ bytes_each: found, idle_bytes, start_ms, starts: empty.length }),
    ratios: {},
    wrong: [],
  }
}

async function timedStart(context: Context, place: Place): Promise<{ ms: number; program: Program }> {
  const began = performance.now()
  const program = await startProgram(context, { place })
  return { ms: performance.now() - began, program }
}

/** The least that was held in this time. */
async function held(program: Program, ms: number): Promise<Held> {
  const least: Held = { javascript: Infinity, resident: Infinity, temporal: Infinity }
  for (const deadline = performance.now() + ms; performance.now() < deadline; await sleep(SAMPLE_MS)) {
    const { resident, held: javascript } = await memoryOf(program)
    least.javascript = Math.min(least.javascript, javascript)
    least.resident = Math.min(least.resident, resident)
    least.temporal = Math.min(least.temporal, residentBytes(program.processes['temporal'] ?? 0))
  }
  return least
}

function less(after: Held, before: Held, count: number): Held {
  return {
    javascript: (after.javascript - before.javascript) / count,
    resident: (after.resident - before.resident) / count,
    temporal: (after.temporal - before.temporal) / count,
  }
}

async function waitingRun(api: string): Promise<void> {
  const messages = [{ role: 'user', content: '/tool ask_user {"question":"which?"}' }]
  const run = await postJson<{ status: string }>(`${api}/v1/runs`, { agent_id: 'default', thread_id: randomUUID(), messages })
  if (run.status !== 'waiting') throw new Error(`a run that should wait is ${run.status}`)
}

async function openStream(context: Context, address: string): Promise<void> {
  const viewer = await openViewer(address, { keep: false })
  context.atEnd(() => viewer.close())
}

async function sideBySide(threads: readonly string[], work: (thread: string) => Promise<unknown>): Promise<void> {
  const left = [...threads]
  const one = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next)
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one))
}
