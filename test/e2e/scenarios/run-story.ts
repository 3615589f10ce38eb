import { expect } from 'vitest'
import { checkLog } from '../../support/check-log.ts'
import { eventually } from '../../support/engine.ts'
import type { Gate } from '../support/gate.ts'
import { isText, type Weft } from '../support/weft.ts'
import type { Step, Story, Submit, Wait } from './story.ts'
import { storyLog } from './story-log.ts'
import type { Way } from './way.ts'

const PATIENCE_MS = 30_000
type World = { weft: Weft; gate: Gate; thread: string }

/** Plays a story on a new thread, and compares its log once nothing goes on any more. */
export async function runStory(world: World, { steps, log }: Story, way: Way): Promise<void> {
  const { weft, thread } = world
  const given = new Set(steps.flatMap((step) => ('do' in step && step.do === 'submit' ? [step.id] : [])))
  const lines = async (): Promise<string[]> => storyLog(await weft.log(thread), given)
  const [first, ...rest] = steps
  await begin(world, first, way)
  for (const step of rest) {
    if ('wait' in step) await pass(world, step, lines)
    else await way.send(weft, thread, step)
  }
  await waitForLine(log.at(-1) ?? '', lines)
  await eventually(async () => {
    const { body } = await weft.client.call('GET', `/v1/threads/${thread}`)
    return body.status === 'idle' || undefined
  }, PATIENCE_MS)
  expect(await lines()).toEqual(log)
  const events = await weft.log(thread)
  checkLog(events)
  const origins = events.filter(({ kind }) => kind === 'MailboxDecisionReceived').map(({ payload }) => payload['origin'])
  expect(origins).toEqual(origins.map(() => way.origin))
  await checkReceipts(world, steps, events)
}

/** A signal is answered before its thread is there to be read. */
async function begin({ weft, thread }: World, first: Submit, way: Way): Promise<void> {
  await way.begin(weft, thread, first)
  await eventually(async () => (await weft.client.call('GET', `/v1/threads/${thread}`)).status === 200 || undefined, PATIENCE_MS)
}

async function pass({ weft, gate, thread }: World, step: Wait, lines: () => Promise<string[]>): Promise<void> {
  if (step.wait === 'log') await waitForLine(step.line, lines)
  else if (step.wait === 'at the gate') await gate.reached()
  else if (step.wait === 'gate open') gate.open()
  else {
    const run = await eventually(async () => {
      const { body } = await weft.client.call('GET', `/v1/threads/${thread}/runs/active`)
      return (body.active_run as { run_id: string } | null) ?? undefined
    }, PATIENCE_MS)
    const stream = await weft.client.stream('GET', `/v1/runs/${run.run_id}/stream`)
    await stream.until(isText, PATIENCE_MS)
    stream.close()
  }
}

async function waitForLine(beginning: string, lines: () => Promise<string[]>): Promise<void> {
  let seen: string[] = []
  const found = async () => (seen = await lines()).some((line) => line.startsWith(beginning)) || undefined
  await eventually(found, PATIENCE_MS).catch(() => {
    throw new Error(`the log has no line "${beginning}":\n${seen.join('\n')}`)
  })
}

/** What every writer is told of their message is what the log says of it. */
async function checkReceipts({ weft, thread }: World, steps: Step[], log: { kind: string; payload: any }[]): Promise<void> {
  for (const step of steps) {
    if (!('do' in step) || step.do !== 'submit') continue
    const { body } = await weft.client.call('GET', `/v1/threads/${thread}/messages/${step.id}/receipt`)
    const last = log.findLast(({ kind, payload }) => ENDS.has(kind) && (payload.message_id ?? payload.pending_id) === step.id)
    const { run_id, read_by_step, message_seq, reason } = last?.payload ?? {}
    const consumed = { state: 'consumed', run_id, step: read_by_step, message_seq }
    const left = {
      state: last?.kind === 'PendingRetracted' ? 'retracted' : 'undelivered',
      ...(reason === undefined ? {} : { reason }),
    }
    expect(body, `the receipt of "${step.id}"`).toMatchObject(last?.kind === 'MessageCommitted' ? consumed : left)
  }
}

const ENDS = new Set(['MessageCommitted', 'PendingRetracted', 'PendingUndelivered'])
