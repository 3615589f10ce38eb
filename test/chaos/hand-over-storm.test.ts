import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkLog } from '../support/check-log.ts'
import { eventually } from '../support/engine.ts'
import { shownLog } from '../support/check-everywhere.ts'
import { createClient, type Answered } from '../http/support/client.ts'
import { deploy, type Deployment } from './support/deployment.ts'
import { Histories } from './support/histories.ts'
import { LONG } from './support/scale.ts'
import { transcriptProblems } from './support/transcript.ts'

const EVERY = 20
const CLIENTS = 8
const COMMANDS = LONG ? 4_800 : 480
const THREAD = 'hand-over'

let deployment: Deployment
let connection: Connection
beforeAll(async () => {
  deployment = await deploy({ apis: 2, workers: 2 }, { WEFT_CONTINUE_AS_NEW_EVERY: String(EVERY) })
  connection = await Connection.connect({ address: deployment.temporal.address })
}, 120_000)
afterAll(async () => {
  await connection.close()
  await deployment.end()
}, 60_000)

test(
  `${String(COMMANDS)} commands of ${String(CLIENTS)} clients while the thread hands over every ${String(EVERY)}: each once, and no client sees an error`,
  async () => {
    const apis = deployment.urls.map(createClient)
    const { workflow } = new Client({ connection })
    const [first = createClient('')] = apis
    expect(await first.call('POST', '/v1/threads', { id: THREAD })).toMatchObject({ status: 201 })
    // A signal needs a workflow that is there.
    expect(await submit(first, 'first')).toMatchObject({ status: 202 })
    const handle = workflow.getHandle(`default/${THREAD}`)
    const wrong: unknown[] = []
    const said: string[] = []
    const began = Date.now()
    const times = { update: [] as number[], signal: [] as number[] }
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let round = 0; round < COMMANDS / CLIENTS; round++) {
        const text = `${String(client)}-${String(round)}`
        said.push(text)
        const api = apis[(client + round) % apis.length] ?? first
        const sent_at = Date.now()
        try {
          if (round % 2 === 1) {
            await handle.signal('submit', { command_id: text, mode: 'queue', messages: [{ role: 'user', content: text }] })
          } else {
            const answer = await submit(api, text)
            if (answer.status !== 202)
              wrong.push({
                text,
                at_ms: sent_at - began,
                took_ms: Date.now() - sent_at,
                status: answer.status,
                code: answer.body?.code,
              })
          }
        } catch (error) {
          wrong.push({ text, error: String(error) })
        }
        times[round % 2 === 1 ? 'signal' : 'update'].push(Date.now() - sent_at)
      }
    })
    await Promise.all(clients)
    const sent_ms = Date.now() - began
    await eventually(async () => {
      const { body } = await first.call('GET', `/v1/threads/${THREAD}`)
      const pending = await first.call('GET', `/v1/threads/${THREAD}/pending`)
      return body.status === 'idle' && pending.body.total === 0 && body.message_count > COMMANDS ? true : undefined
    }, 60_000)
    const log = await shownLog(first, THREAD)
    checkLog(log)
    expect(transcriptProblems(log)).toEqual([])
    const texts = log.flatMap(({ kind, payload }) =>
      kind === 'MessageCommitted' && payload['role'] === 'user' ? [textOf(payload['content_blocks'])] : [],
    )
    const histories = new Histories(connection)
    const executions = await eventually(async () => {
      const { length } = await histories.executions(`default/${THREAD}`)
      return length > COMMANDS / EVERY / 4 ? length : undefined
    })
    const figures = {
      commands: said.length,
      sent_ms,
      executions,
      errors: wrong.length,
      update_ms: spread(times.update),
      signal_ms: spread(times.signal),
      failed_tasks: await histories.failedTasks(`default/${THREAD}`),
    }
    console.log(`hand-over storm: ${JSON.stringify(figures)}`)
    expect(wrong).toEqual([])
    expect(texts.sort()).toEqual([...said, 'first'].sort())
    expect(log.filter(({ kind }) => kind === 'CommandRejected')).toEqual([])
  },
  LONG ? 1_800_000 : 180_000,
)

function submit(api: ReturnType<typeof createClient>, text: string): Promise<Answered> {
  const messages = [{ role: 'user', content: text }]
  return api.call('POST', `/v1/threads/${THREAD}/messages`, { messages }, { 'idempotency-key': text })
}

function textOf(content: unknown): string {
  return Array.isArray(content) ? content.map((part: { text?: string }) => part.text ?? '').join('') : String(content)
}

function spread(times: readonly number[]): { p50: number; p99: number; slowest: number } {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return { p50: at(0.5), p99: at(0.99), slowest: at(1) }
}
