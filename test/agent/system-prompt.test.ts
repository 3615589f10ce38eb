import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SystemPrompt, WeftConfig } from '../../src/agent/define-config.ts'
import type { Store } from '../../src/store/store.ts'
import type { JsonObject } from '../../src/thread/json.ts'
import { startOpenAiServer } from '../support/openai-server.ts'
import type { OpenAiServer } from '../support/openai-server.ts'
import { createWorld, openStore } from './world.ts'
import type { World } from './world.ts'

let store: Store
let server: OpenAiServer | undefined
beforeAll(async () => {
  store = await openStore()
}, 60_000)

afterAll(async () => {
  await server?.close()
  await store.close()
})

async function world(system: string | SystemPrompt, shared: JsonObject = {}): Promise<World> {
  server ??= await startOpenAiServer({ script: () => ({ kind: 'text', text: 'hi' }) })
  const config: WeftConfig = { agents: [{ id: 'default', system }] }
  const openai = { apiKey: 'sk-test-123456', baseUrl: server.base_url, model: 'm-1' }
  const providers = { openai, anthropic: { apiKey: null, baseUrl: null, model: null } }
  return createWorld(store, [{ role: 'user', content: 'hello' }], { config, providers, shared })
}
/** The version that a step has pinned, and the system prompt that the model was sent. */
async function step(here: World, agent_version: string | null = null): Promise<{ version: string; system: unknown }> {
  const result = await here.step({ agent_version })
  if (result.kind !== 'completed') throw new Error(JSON.stringify(result))
  const first = server?.requests.at(-1)?.messages[0] as { role: string; content: unknown }
  return { version: result.agent_version, system: first.role === 'system' ? first.content : null }
}

it("is made of the thread's state once a run, and the run keeps it", async () => {
  let made = 0
  const system: SystemPrompt = (state) => {
    made += 1
    return Promise.resolve(`Speak ${String(state['language'])}, ${String(made)}.`)
  }
  const here = await world(system, { language: 'French' })
  const first = await step(here)
  expect(first.system).toBe('Speak French, 1.')
  expect(await step(here, first.version)).toEqual(first)
  expect(made).toBe(1)
  expect(await store.agents.get(first.version)).toMatchObject({ agent_id: 'default', spec: { system: 'Speak French, 1.' } })
  // Another process, whose configuration says something else.
  const later = await world('Be rude.')
  expect(await step(later, first.version)).toEqual(first)
})

it('gives the version that the same text has when it is written down', async () => {
  const made = await step(await world(() => 'Be kind.'))
  expect(made).toEqual(await step(await world('Be kind.')))
  expect(await step(await world(({ tone }) => `Be ${String(tone)}.`, { tone: 'rude' }))).not.toHaveProperty(
    'version',
    made.version,
  )
  expect((await step(await world(() => ''))).version).not.toBe(made.version)
})

it.each<[string, () => unknown]>([
  ['throws', () => { throw new Error('secret of 127.0.0.1') }], // prettier-ignore
  ['rejects', () => Promise.reject(new Error('secret'))],
  ['returns no text', () => ({ secret: 1 })],
])('that %s fails the attempt', async (_name, system) => {
  const here = await world(system as SystemPrompt)
  expect(await here.step()).toEqual({
    kind: 'failed',
    retryable: true,
    code: 'system_failed',
    error: 'the system prompt of the agent "default" could not be made; see the log of its worker',
    retry_after_ms: null,
    worker: 'worker-1',
  })
})
