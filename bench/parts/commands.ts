// How soon a command takes effect, as the person sees it who gave it.
//
// interrupt: from the request to the last byte of the run's stream, while the model is between two words.
// stop: from the interrupt's request to the moment at which the provider of the model sees its connection closed.
// decision: from the request to the first line of the approved tool's own code.
// edit: from the request to its answer, for a message that waits behind a run that is open.
//
// Once with everything in one process on the embedded database and server, where a word goes from the API to the model
// call through memory, and once with an API process and a worker on a PostgreSQL (fsync off) and a Temporal server of
// their own, where it goes through LISTEN/NOTIFY. There is no floor: nothing else does these things. The two places take
// turns, and each try is alone, since it is one person's wait that is measured.
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deploy } from '../../test/chaos/support/deployment.ts'
import { startOpenAiServer, type Answer } from '../../test/support/openai-server.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { interleave } from '../support/interleave.ts'
import { percentile, ratio, roundedAll } from '../support/stats.ts'
import { startsFile, writeConfig } from '../weft/config.ts'
import { createAgent } from '../weft/post-run.ts'
import { getJson, postJson } from '../weft/pages.ts'
import { startProgram } from '../weft/program.ts'
import { openRun, type RunStream } from '../weft/run-stream.ts'

const TRIES = { normal: 40, short: 3 }
/** A word every 50 ms, for longer than any try takes. */
const SLOW = `/slow 60000\n${Array.from({ length: 1_200 }, (_, n) => `word${String(n)}`).join(' ')}`
const WAIT_MS = 20_000

type Place = { name: string; api: string; directory: string; provider: Provider }
type Measure = { name: string; take(place: Place, agent: Agent): Promise<number> }
const MEASURES: Measure[] = [
  { name: 'interrupt', take: interrupt },
  { name: 'stop', take: stop },
  { name: 'decision', take: decision },
  { name: 'edit', take: edit },
]

export const commands: Part = {
  name: 'commands',
  about: 'interrupt to stream end and to the end of the model call, decision to tool start, edit of a pending message (ms)',
  run: measureCommands,
}

async function measureCommands(context: Context): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  context.atEnd(() => rmSync(directory, { recursive: true, force: true }))
  const provider = await startProvider(context)
  const env = { WEFT_CONFIG: writeConfig(directory), OPENAI_BASE_URL: provider.base_url }
  const deploying = deploy({ apis: 1, workers: 1 }, env)
  context.atEnd(async () => (await deploying.catch(() => null))?.end())
  const [one, apart] = await Promise.all([startProgram(context, { env }), deploying])
  const places: Place[] = [
    { name: 'one_process', api: one.api, directory, provider },
    { name: 'across_processes', api: apart.urls[0] ?? '', directory, provider },
  ]
  const agent = createAgent()
  context.atEnd(() => agent.destroy())
  const cells = MEASURES.flatMap((measure) => places.map((place) => ({ measure, place, times: [] as number[] })))
  const wrong: string[] = []
  const take = async ({ measure, place }: (typeof cells)[number]): Promise<number | null> =>
    measure.take(place, agent).catch((error: unknown) => {
      wrong.push(`${measure.name}, ${place.name}: ${(error as Error).message}`)
      return null
    })
  context.report('measuring')
  // The first of each finds everything cold.
  for (const cell of cells) await take(cell)
  const rounds = TRIES[context.short ? 'short' : 'normal']
  await interleave(cells, { rounds, signal: context.signal }, async (cell) => {
    const ms = await take(cell)
    if (ms !== null) cell.times.push(ms)
  })
  const of = (name: string, place: string): number[] =>
    cells.find((cell) => cell.measure.name === name && cell.place.name === place)?.times ?? []
  const figures = (times: number[]) => ({ tries: times.length, p50: percentile(times, 50), p99: percentile(times, 99) })
  const rows = cells.map(({ measure, place, times }) => {
    const { tries, p50, p99 } = figures(times)
    return [`${measure.name}, ${place.name.replace('_', ' ')}`, p50, p99, p99 / p50, tries]
  })
  const named = (place: string): object => Object.fromEntries(MEASURES.map(({ name }) => [name, figures(of(name, place))]))
  const across = (name: string): number =>
    ratio(percentile(of(name, 'across_processes'), 50), percentile(of(name, 'one_process'), 50))
  return {
    table: grid(['ms', 'p50', 'p99', 'p99/p50', 'tries'], rows),
    notes: [],
    json: roundedAll(Object.fromEntries(places.map(({ name }) => [name, named(name)]))),
    ratios: Object.fromEntries(MEASURES.map(({ name }) => [`${name}_across_processes`, across(name)])),
    wrong,
  }
}

async function interrupt({ api }: Place, agent: Agent): Promise<number> {
  const thread = randomUUID()
  const run = await openRun(api, agent, thread, SLOW)
  await run.until(({ event_type }) => event_type === 'text_delta')
  const began = performance.now()
  const [, ended] = await Promise.all([postJson(`${api}/v1/threads/${thread}/interrupt`, {}), run.ended])
  mustBeCancelled(run)
  return ended - began
}

type Provider = { base_url: string; left(): Promise<number> }

/** A provider of models that says a word and then nothing. `left` resolves with the time at which its next caller goes away. */
async function startProvider(context: Context): Promise<Provider> {
  const leaving = new EventEmitter()
  const script = (): Answer => ({ kind: 'text', text: 'one and never more', hold: new Promise(() => undefined) })
  const { base_url, close } = await startOpenAiServer({ script, on_abort: () => leaving.emit('left', performance.now()) })
  context.atEnd(close)
  const left = async (): Promise<number> => Number((await once(leaving, 'left', { signal: AbortSignal.timeout(WAIT_MS) }))[0])
  return { base_url, left }
}

async function stop({ api, provider }: Place, agent: Agent): Promise<number> {
  const thread = randomUUID()
  const run = await openRun(api, agent, thread, 'hello', 'remote')
  await run.until(({ event_type }) => event_type === 'text_delta')
  const left = provider.left()
  const began = performance.now()
  const [, at] = await Promise.all([postJson(`${api}/v1/threads/${thread}/interrupt`, {}), left, run.ended])
  mustBeCancelled(run)
  return at - began
}

function mustBeCancelled({ frames }: RunStream): void {
  const last = frames.at(-1)?.frame
  if (last?.termination?.type !== 'cancelled') throw new Error(`the run ended its stream with ${JSON.stringify(last)}`)
}

type Run = { run_id: string; status: string; waiting: { tickets: { tool_call_id: string }[] } | null }

async function decision({ api, directory }: Place): Promise<number> {
  const [thread, id] = [randomUUID(), randomUUID()]
  const messages = [{ role: 'user', content: `/tool mark ${JSON.stringify({ id })}` }]
  const run = await postJson<Run>(`${api}/v1/runs`, { agent_id: 'default', thread_id: thread, messages })
  const tool_call_id = run.waiting?.tickets[0]?.tool_call_id
  if (tool_call_id === undefined) throw new Error(`a run waits for nobody: ${JSON.stringify(run)}`)
  // The tool's clock is the machine's, in another process than ours.
  const sent = performance.timeOrigin + performance.now()
  await postJson(`${api}/v1/threads/${thread}/decision`, { tool_call_id, action: 'resume' })
  const { status } = await getJson<Run>(`${api}/v1/runs/${run.run_id}/wait?timeout_ms=${String(WAIT_MS)}`)
  const line = readFileSync(startsFile(directory), 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${id} `))
  if (status !== 'done' || line === undefined) throw new Error(`a run is ${status} after its decision`)
  return Number(line.split(' ')[1]) - sent
}

async function edit({ api }: Place, agent: Agent): Promise<number> {
  const thread = randomUUID()
  const run = await openRun(api, agent, thread, SLOW)
  await run.until(({ event_type }) => event_type === 'text_delta')
  const messages = [{ role: 'user', content: 'then this' }]
  await postJson(`${api}/v1/threads/${thread}/messages`, { messages })
  const { items } = await getJson<{ items: { pending_id: string }[] }>(`${api}/v1/threads/${thread}/pending`)
  const began = performance.now()
  const edited = `${api}/v1/threads/${thread}/pending/${String(items[0]?.pending_id)}`
  await postJson(edited, { content: 'then this, in blue' }, 'PATCH', { 'if-match': '*' })
  const ms = performance.now() - began
  await postJson(`${api}/v1/threads/${thread}/interrupt`, { queue: 'supersede' })
  await run.ended
  return ms
}
