import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { startOpenAiServer, type OpenAiServer, type Script } from '../support/openai-server.ts'
import { Aim } from './support/aim.ts'
import { names, Weft } from './support/weft.ts'

/**
 * A message is edited at the moment at which a run reads it. Whoever is first wins, and everybody must agree on who it
 * was: the answer to the edit, the prompt that the model got, the conversation and the message's receipt.
 */
const TRIES = 100
const AT_ONCE = 6
/** Each outcome must be seen this often, or the test has not met the moment. */
const LEAST_SHARE = 0.15

/** What the model was told on each thread, without the system prompt; and the first answers that it still holds back. */
const prompts = new Map<string, unknown[][]>()
const held = new Map<string, PromiseWithResolvers<void>>()
const script: Script = ({ messages }) => {
  const said = messages.filter(({ role }) => role !== 'system').map(({ content }) => content)
  const thread = String(said[0]).replace('first on ', '')
  prompts.set(thread, [...(prompts.get(thread) ?? []), said])
  return said.length > 1 ? { kind: 'text', text: 'done' } : { kind: 'text', text: 'well then', hold: held.get(thread)?.promise }
}

let endpoint: OpenAiServer
const weft = new Weft()
beforeAll(async () => {
  endpoint = await startOpenAiServer({ script })
  await weft.start({ OPENAI_API_KEY: 'key', OPENAI_BASE_URL: endpoint.base_url })
})
afterEach(() => weft.checkLogs(), 60_000)
afterAll(async () => {
  weft.close()
  await endpoint.close()
})
const newThread = names('edit-race')

type Boundary = 'new_run' | 'on_natural_end'
type Prepared = { thread: string; first_run: string; queued_run: string }

/** A thread whose first run is in its step, and a message `m` that waits for the step's end. */
async function prepare(boundary: Boundary): Promise<Prepared> {
  const thread = newThread()
  held.set(thread, Promise.withResolvers())
  await weft.client.call('POST', '/v1/threads', { id: thread })
  const first_run = await weft.queue(thread, `first on ${thread}`)
  await eventually(() => prompts.has(thread) || undefined)
  const message = { id: 'm', role: 'user', content: `v1 on ${thread}` }
  const queued = await weft.client.call('POST', `/v1/threads/${thread}/messages`, { messages: [message], delivery: { boundary } })
  expect(queued).toMatchObject({ status: 202, body: { status: 'queued' } })
  return { thread, first_run, queued_run: queued.body.run_id }
}

/** Sends the edit `lead` ms after the step is let go of, or before it where `lead` is negative. */
async function race({ thread }: Prepared, lead: number, tagged: boolean): Promise<{ status: number; body: any }> {
  const content = `v2 on ${thread}`
  const edit = async () => {
    if (lead > 0) await delay(lead)
    const path = `/v1/threads/${thread}/pending/m`
    return tagged
      ? weft.client.call('PATCH', path, { content }, { 'if-match': '"1"' })
      : weft.client.call('PATCH', path, { content, expected_revision: 1 })
  }
  const letGo = async () => {
    if (lead < 0) await delay(-lead)
    held.get(thread)?.resolve()
  }
  const [answer] = await Promise.all([edit(), letGo()])
  return answer
}

/** True if the edit came in time. Whatever does not agree with that fails the test. */
async function tryOnce(boundary: Boundary, lead: number, tagged: boolean): Promise<boolean> {
  const prepared = await prepare(boundary)
  const { thread, first_run, queued_run } = prepared
  const { status, body } = await race(prepared, lead, tagged)
  const reader = boundary === 'new_run' ? { run_id: queued_run, step: 1 } : { run_id: first_run, step: 2 }
  const edited = status === 200
  if (edited) expect(body).toMatchObject({ pending: { pending_id: 'm', revision: 2, content: `v2 on ${thread}` } })
  else expect({ status, ...body }).toMatchObject({ status: 410, code: 'already_consumed', ...reader, message_seq: 3 })

  for (const run of [first_run, queued_run]) await weft.record(run)
  const text = `${edited ? 'v2' : 'v1'} on ${thread}`
  const first = `first on ${thread}`
  expect(prompts.get(thread), 'what the model was told').toEqual([[first], [first, 'well then', text]])
  const messages = await weft.messages(thread)
  expect(messages.map(({ content }) => content)).toEqual([first, 'well then', text, 'done'])
  expect(messages[2]).toMatchObject({ id: 'm', run_id: reader.run_id, message_seq: 3 })
  const receipt = await weft.client.call('GET', `/v1/threads/${thread}/messages/m/receipt`)
  expect(receipt).toMatchObject({ status: 200, body: { message_id: 'm', state: 'consumed', ...reader, message_seq: 3 } })
  return edited
}

test.each<Boundary>(['new_run', 'on_natural_end'])(
  'an edit against the freeze at %s: the answer, the prompt, the conversation and the receipt agree',
  async (boundary) => {
    const began = performance.now()
    const aim = new Aim()
    const outcomes: boolean[] = []
    const leads: number[] = []
    let begun = 0
    const lane = async (): Promise<void> => {
      while (begun < TRIES) {
        const tagged = begun++ % 2 === 0
        const edited = await tryOnce(boundary, aim.lead, tagged)
        outcomes.push(edited)
        aim.learn(edited)
        leads.push(aim.lead)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
    const won = outcomes.filter(Boolean).length
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    const shares = `${String(won)} edits in time, ${String(TRIES - won)} too late of ${String(TRIES)}`
    const late = leads.slice(TRIES / 2)
    const range = `${String(Math.min(...late))} to ${String(Math.max(...late))} ms`
    console.log(`${boundary}: ${shares}; the second half sent ${range} after the step's end; ${seconds} s`)
    expect(outcomes).toHaveLength(TRIES)
    expect(Math.min(won, TRIES - won), shares).toBeGreaterThanOrEqual(LEAST_SHARE * TRIES)
  },
  120_000,
)
