// One thread that has lived long: a thousand tool calls and 200,000 tokens of conversation (800 kB of text, at four bytes
// a token) go through it without an error. Each run brings a long message, calls tools one step after the other, and
// ends by saying the message back.
//
// It is not timed against anything; it shows that the thread's workflow stays small while the conversation grows: how
// often it was continued as new, how large each execution's history became, and how much state it handed over. What the
// server knows of an execution is read from the server itself, not from Weft.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { roundedAll } from '../support/stats.ts'
import { writeConfig } from '../weft/config.ts'
import { getJson, pages, postJson } from '../weft/pages.ts'
import { startProgram } from '../weft/program.ts'

const SIZES = { normal: { calls: 1_000, bytes: 800_000, steps: 50 }, short: { calls: 40, bytes: 40_000, steps: 20 } }
/** No run takes so long. */
const RUN_MS = 600_000

export const long: Part = {
  name: 'long',
  about: 'one thread with 1,000 tool calls and 200,000 tokens of conversation',
  run: measureLong,
}

type Execution = { events: number; bytes: number; state_bytes: number; status: string }
type Run = { run_id: string; status: string; termination: { type: string } | null }

async function measureLong(context: Context): Promise<Outcome> {
  const { calls, bytes, steps } = SIZES[context.short ? 'short' : 'normal']
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  context.atEnd(() => rmSync(directory, { recursive: true, force: true }))
  const { api, temporal } = await startProgram(context, {
    env: { WEFT_CONFIG: writeConfig(directory, { max_steps: steps + 1 }) },
  })
  const thread = randomUUID()
  await postJson(`${api}/v1/threads`, { id: thread })
  const runs = Math.ceil(calls / steps)
  // It is said twice: once by the user, once by the model.
  const text = textOf(bytes / runs / 2)
  const began = performance.now()
  const times: number[] = []
  const wrong: string[] = []
  for (let n = 0; n < runs && wrong.length === 0; n++) {
    context.signal.throwIfAborted()
    context.report(`run ${String(n + 1)} of ${String(runs)}`)
    const since = performance.now()
    const messages = [{ role: 'user', content: `/loop ${String(steps)}\n${text}` }]
    const problem = await runToEnd(api, thread, messages)
    if (problem !== null) wrong.push(`run ${String(n + 1)} ${problem}`)
    times.push(performance.now() - since)
  }
  const total_ms = performance.now() - began

  const messages = await pages<{ role: string; content: unknown }>(`${api}/v1/threads/${thread}/messages`)
  const results = messages.filter(({ role }) => role === 'tool').flatMap(({ content }) => (Array.isArray(content) ? content : []))
  const text_bytes = messages.reduce(
    (sum, { content }) => sum + Buffer.byteLength(typeof content === 'string' ? content : JSON.stringify(content)),
    0,
  )
  if (results.length < runs * steps)
    wrong.push(`there are ${String(results.length)} tool results instead of ${String(runs * steps)}`)
  if (text_bytes < bytes) wrong.push(`the conversation has ${String(text_bytes)} bytes instead of ${String(bytes)}`)
  const events = await pages<{ kind: string }>(`${api}/v1/threads/${thread}/events`)
  const errors = events.filter(({ kind }) => kind === 'RunErrored').length
  if (errors > 0) wrong.push(`the log has ${String(errors)} errors`)
  const executions = await executionsOf(temporal, `default/${thread}`)
  const state_bytes = Math.max(0, ...executions.map((execution) => execution.state_bytes))
  const facts = { runs, tool_calls: results.length, messages: messages.length, text_bytes, log_events: events.length, total_ms }
  return {
    table: [
      grid(
        ['execution', 'history events', 'history bytes', 'state handed over to it (bytes)', 'status'],
        executions.map((one, index) => [String(index + 1), one.events, one.bytes, one.state_bytes, one.status]),
      ),
      '',
      grid(
        ['in all', ''],
        Object.entries(facts).map(([name, value]) => [name.replaceAll('_', ' '), Math.round(value)]),
      ),
    ].join('\n'),
    notes: [
      `first run ${String(Math.round(times[0] ?? NaN))} ms, last run ${String(Math.round(times.at(-1) ?? NaN))} ms; each step reads the whole conversation.`,
    ],
    json: roundedAll({ ...facts, first_run_ms: times[0], last_run_ms: times.at(-1), state_bytes, executions }),
    ratios: {},
    wrong,
  }
}

/** What is wrong with how it ended; null for nothing. */
async function runToEnd(api: string, thread_id: string, messages: object[]): Promise<string | null> {
  const began = Date.now()
  // Queued rather than streamed: a run of minutes should not hang on one connection.
  const { run_id } = await postJson<{ run_id: string }>(`${api}/v1/threads/${thread_id}/messages`, { messages })
  for (;;) {
    const run = await getJson<Run>(`${api}/v1/runs/${run_id}/wait?timeout_ms=20000`).catch(() => null)
    if (run?.status === 'done') return run.termination?.type === 'natural_end' ? null : `ended ${String(run.termination?.type)}`
    if (Date.now() - began > RUN_MS) return 'did not end'
    await sleep(50)
  }
}

/** All executions of a workflow, the first one first, as the server has them. */
async function executionsOf(address: string, workflow_id: string): Promise<Execution[]> {
  const connection = await Connection.connect({ address })
  try {
    const { workflow } = new Client({ connection })
    const all: Execution[] = []
    for (let run_id: string | null | undefined; run_id !== null;) {
      const handle = workflow.getHandle(workflow_id, run_id)
      const [{ events }, described] = await Promise.all([handle.fetchHistory(), handle.describe()])
      const started = events?.[0]?.workflowExecutionStartedEventAttributes
      const before = started?.continuedExecutionRunId ?? ''
      const input = started?.input?.payloads ?? []
      all.unshift({
        events: events?.length ?? 0,
        bytes: described.historySize ?? NaN,
        state_bytes: before === '' ? 0 : input.reduce((sum, { data }) => sum + (data?.length ?? 0), 0),
        status: described.status.name,
      })
      run_id = before === '' ? null : before
    }
    return all
  } finally {
    await connection.close()
  }
}

/** Words, as many bytes of them as asked. */
function textOf(bytes: number): string {
  let text = ''
  for (let n = 0; text.length < bytes; n++) text += `word${String(n % 1_000)} `
  return text.trim()
}
