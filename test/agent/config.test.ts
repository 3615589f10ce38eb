import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkConfig } from '../../src/agent/check-config.ts'
import { AgentConfigError, defineConfig, tool } from '../../src/agent/define-config.ts'
import { loadAgentConfig } from '../../src/agent/load-config.ts'
import { overridesProblem, narrowLimits } from '../../src/agent/overrides.ts'
import { NO_PROVIDERS } from '../../src/agent/providers.ts'
import { createRegistry } from '../../src/agent/registry.ts'
import { createScriptedModel } from '../../src/agent/scripted-model.ts'

const directory = mkdtempSync(join(tmpdir(), 'weft-config-'))
afterAll(() => {
  rmSync(directory, { recursive: true })
})
const access = (more: object): typeof NO_PROVIDERS.openai => ({ apiKey: null, baseUrl: null, model: null, ...more })
const run = tool({ inputSchema: z.object({ city: z.string() }), execute: ({ city }) => city })

function problem(config: unknown): string {
  try {
    checkConfig(config, 'weft.config.ts')
  } catch (error) {
    if (error instanceof AgentConfigError) return error.message
    throw error
  }
  return 'no mistake'
}

describe('mistakes name their place', () => {
  const agents = [{ id: 'default' }]
  it.each([
    [
      'a tool that is not there',
      { agents: [{ id: 'default' }, { id: 'b', tools: ['x'] }], tools: { get_weather: run, sleep: run } },
      'weft.config.ts: agents[1].tools[0]: no tool named "x"; the config has get_weather, sleep',
    ],
    [
      'no default',
      { agents: [{ id: 'a' }] },
      'weft.config.ts: agents: there must be one with the id "default"; the config has a',
    ],
    ['an id twice', { agents: [{ id: 'default' }, { id: 'default' }] }, 'agents[1].id: "default" is already the id of agents[0]'],
    [
      'a model that no one knows',
      { agents: [{ id: 'default', model: 'gpt' }] },
      'agents[0].model: must be "auto", "scripted", "openai/<model>"',
    ],
    ['a field that is not known', { agents: [{ id: 'default', prompt: 'x' }] }, 'agents[0]: unknown field "prompt"'],
    ['a limit', { agents: [{ id: 'default', limits: { max_steps: 0 } }] }, 'agents[0].limits.max_steps: too small'],
    [
      'a tool without execute',
      { agents, tools: { t: { inputSchema: z.object({}) } } },
      'tools.t.execute: missing; a tool that is answered from outside says external: true',
    ],
    [
      'an external tool with execute',
      { agents, tools: { t: { ...run, external: true } } },
      'tools.t: it is external, so it must not have execute',
    ],
    ['a tool without schema', { agents, tools: { t: { execute: () => 1 } } }, 'tools.t.inputSchema: must be a zod schema'],
    [
      'a flag',
      { agents, tools: { t: { ...run, needsApproval: 'yes' } } },
      'tools.t.needsApproval: must be true, false or a function',
    ],
    ['a timeout', { agents, tools: { t: { ...run, timeoutMs: -1 } } }, 'tools.t.timeoutMs: too small'],
    ['a name that providers refuse', { agents, tools: { 'a.b': run } }, 'tools.a.b: a name must be 1 to 64 letters'],
    ['a system prompt', { agents: [{ id: 'default', system: 7 }] }, 'agents[0].system: must be text or a function that makes it'],
    ['no agents', { agents: [] }, 'agents: too small'],
    ['no object', 'hello', 'weft.config.ts: config: invalid input'],
  ])('%s', (_name, config, expected) => {
    expect(problem(config)).toContain(expected)
  })
  it('all of them at once', () => {
    expect(problem({ agents: [{ id: 'a', tools: ['x'] }] }).split('\n')).toHaveLength(2)
  })
})

describe('loading', () => {
  const load = (path: string, explicit = true): ReturnType<typeof loadAgentConfig> =>
    loadAgentConfig({ path: join(directory, path), explicit, providers: NO_PROVIDERS })
  it('takes the default export of the file', async () => {
    writeFileSync(
      join(directory, 'good.config.ts'),
      'const id: string = "default"\nexport default { agents: [{ id, system: "Hi", limits: { max_steps: 3 } }] }\n',
    )
    expect((await load('good.config.ts')).get('default')?.spec).toMatchObject({
      system: 'Hi',
      model: 'scripted',
      limits: { max_steps: 3 },
    })
  })
  it('falls back to the built-in agents only when nobody named the file', async () => {
    expect((await load('none.ts', false)).list()).toMatchObject([
      {
        id: 'default',
        tools: ['get_weather', 'sleep', 'send_email', 'ask_user', 'remember', 'remind'],
        limits: { max_steps: 50 },
      },
    ])
    await expect(load('none.ts')).rejects.toThrow(/none\.ts: there is no such file/)
  })
  it('tells what is wrong with the file', async () => {
    writeFileSync(join(directory, 'throws.config.ts'), 'throw new Error("oh no")\n')
    writeFileSync(join(directory, 'empty.config.ts'), 'export const a = 1\n')
    await expect(load('throws.config.ts')).rejects.toThrow(/throws\.config\.ts: it cannot be loaded: oh no/)
    await expect(load('empty.config.ts')).rejects.toThrow(/it has no default export/)
  })
  it('the example at the root is the built-in default', async () => {
    const root = await loadAgentConfig({
      path: join(import.meta.dirname, '../../weft.config.ts'),
      explicit: true,
      providers: NO_PROVIDERS,
    })
    const builtIn = await load('none.ts', false)
    expect(root.list()).toEqual(builtIn.list())
  })
})

describe('models', () => {
  const model = async (providers: typeof NO_PROVIDERS): Promise<string | undefined> => {
    const registry = await createRegistry({ agents: [{ id: 'default' }] }, providers)
    return registry.get('default')?.spec.model
  }
  it('auto takes the provider that has a key or an address, else the scripted model', async () => {
    expect(await model(NO_PROVIDERS)).toBe('scripted')
    expect(await model({ ...NO_PROVIDERS, openai: access({ apiKey: 'k', model: 'gpt-x' }) })).toBe('openai/gpt-x')
    expect(await model({ ...NO_PROVIDERS, openai: access({ baseUrl: 'http://127.0.0.1:1/v1' }) })).toMatch(/^openai\//)
    expect(await model({ ...NO_PROVIDERS, anthropic: access({ apiKey: 'k' }) })).toMatch(/^anthropic\/claude/)
  })
  it('names and objects give what they say', async () => {
    const config = defineConfig({
      agents: [
        { id: 'default', model: 'anthropic/m1' },
        { id: 'own', model: createScriptedModel() },
        { id: 'plain', model: 'openai/m2' },
      ],
    })
    const registry = await createRegistry(config, NO_PROVIDERS)
    expect(registry.get('default')?.model).toMatchObject({ provider: 'anthropic.messages', modelId: 'm1' })
    expect(registry.get('own')?.spec.model).toBe('object:weft.scripted/scripted')
    expect(registry.get('plain')?.model).toMatchObject({ provider: 'openai.responses', modelId: 'm2' })
  })
  it('compatible needs an address', async () => {
    const config = defineConfig({ agents: [{ id: 'default', model: 'compatible/m' }] })
    await expect(createRegistry(config, NO_PROVIDERS)).rejects.toThrow(
      'agents[0].model: the model "compatible/m" needs OPENAI_BASE_URL',
    )
    const registry = await createRegistry(config, { ...NO_PROVIDERS, openai: access({ baseUrl: 'http://127.0.0.1:1/v1' }) })
    expect(registry.get('default')?.model).toMatchObject({ provider: 'openai.chat', modelId: 'm' })
  })
})

describe('versions', () => {
  const version = async (agent: object, tools: object = { t: run }): Promise<string | undefined> => {
    const registry = await createRegistry(
      { agents: [{ id: 'default', tools: ['t'], ...agent }], tools: tools as { t: typeof run } },
      NO_PROVIDERS,
    )
    return registry.get('default')?.version
  }
  it('are the same for the same spec and change with whatever a run is pinned to', async () => {
    const base = await version({})
    expect(await version({ description: 'other words' })).toBe(base)
    const others = await Promise.all([
      version({ system: 'x' }),
      version({ limits: { max_steps: 2 } }),
      version({ model: 'openai/m' }),
      version({ tools: [] }),
      version({}, { t: { ...run, needsApproval: true } }),
      version({}, { t: { ...run, inputSchema: z.object({ city: z.int() }) } }),
    ])
    expect(new Set([base, ...others]).size).toBe(7)
  })
})

describe('overrides', () => {
  const registry = createRegistry(
    {
      agents: [{ id: 'default', tools: ['t'], allowed_models: ['openai/other'], limits: { token_budget: 100 } }],
      tools: { t: run },
    },
    NO_PROVIDERS,
  )
  it.each([
    [{ model: 'openai/other', tools: ['t'], max_steps: 1, response_format: { type: 'json' } }, null],
    [{ model: 'openai/big' }, 'the agent "default" does not allow the model "openai/big"; it allows scripted, openai/other'],
    [{ tools: ['t', 'u'] }, 'the agent "default" has no tool named "u"; it has t'],
    [{ response_format: { type: 'xml' } }, 'response_format.type must be "text", "json", "json_object" or "json_schema"'],
  ])('%j', async (overrides, expected) => {
    const agent = (await registry).get('default')
    expect(agent && overridesProblem(agent, overrides)).toBe(expected)
  })
  it('only narrow the limits', () => {
    expect(narrowLimits({ max_steps: 5, token_budget: 100 }, { max_steps: 9, token_budget: 10, deadline_ms: 7 })).toEqual({
      max_steps: 5,
      token_budget: 10,
      deadline_ms: 7,
    })
    expect(narrowLimits({ max_steps: 5 }, null)).toEqual({ max_steps: 5 })
  })
})
