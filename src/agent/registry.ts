import type { LanguageModel } from 'ai'
import type { AgentTool, SystemPrompt, WeftConfig } from './define-config.ts'
import { agentSpec, specVersion } from './agent-spec.ts'
import type { AgentSpec } from './agent-spec.ts'
import { autoModelName, createModel } from './providers.ts'
import type { ProviderSettings } from './providers.ts'
import { AgentConfigError } from './define-config.ts'

export type ModelObject = Exclude<LanguageModel, string>
/** An agent that can run now: its spec, and the live things that the spec only names. */
export type ResolvedAgent = {
  id: string
  version: string
  spec: AgentSpec
  model: ModelObject
  tools: ReadonlyMap<string, AgentTool>
  /** Makes the system prompt of a run that is not pinned yet; a run that is has it in its spec. */
  makeSystem?: SystemPrompt
}
export type AgentSummary = {
  id: string
  description: string | null
  version: string
  model: string
  tools: string[]
  limits: AgentSpec['limits']
}

/** The agents and tools of this process's configuration. */
export interface AgentRegistry {
  list(): AgentSummary[]
  has(agent_id: string): boolean
  get(agent_id: string): ResolvedAgent | null
  /** The current agent with this version, if it is still the same. */
  byVersion(version: string): ResolvedAgent | null
  /** A tool of the configuration, whichever agents use it. */
  tool(name: string): AgentTool | null
  /**
   * An agent as it was pinned, with the tools that still exist. Throws AgentConfigError where its model is gone:
   * a model object that the configuration no longer has, or a provider without an address.
   */
  revive(agent_id: string, version: string, spec: AgentSpec): ResolvedAgent
  /** The model behind a name; throws AgentConfigError for a name that no provider knows. */
  model(name: string): ModelObject
}

/** Builds the registry of a checked configuration. Throws AgentConfigError where a model cannot be made. */
export async function createRegistry(config: WeftConfig, settings: ProviderSettings): Promise<AgentRegistry> {
  const models = new Map<string, ModelObject>()
  const tools = config.tools ?? {}
  const tool = (name: string): AgentTool | null => (Object.hasOwn(tools, name) ? (tools[name] ?? null) : null)
  const model = (name: string): ModelObject => {
    const known = models.get(name)
    if (known !== undefined) return known
    if (name.startsWith('object:'))
      throw new AgentConfigError(`the model "${name.slice(7)}" is no longer part of the configuration`)
    const made = createModel(name, settings)
    models.set(name, made)
    return made
  }
  const resolve = (id: string, version: string, spec: AgentSpec): ResolvedAgent => {
    const own = spec.tools.flatMap(({ name }) => {
      const found = tool(name)
      return found === null ? [] : [[name, found] as const]
    })
    return { id, version, spec, model: model(spec.model), tools: new Map(own) }
  }
  const agents = new Map<string, ResolvedAgent>()
  const summaries: AgentSummary[] = []
  for (const [index, definition] of config.agents.entries()) {
    const given = definition.model ?? 'auto'
    let name: string
    if (typeof given === 'string') name = given === 'auto' ? autoModelName(settings) : given
    else models.set((name = `object:${given.provider}/${given.modelId}`), given)
    const spec = await agentSpec(definition, config, name)
    const version = specVersion(spec)
    try {
      const agent = resolve(definition.id, version, spec)
      const { system } = definition
      agents.set(definition.id, typeof system === 'function' ? { ...agent, makeSystem: system } : agent)
    } catch (error) {
      if (error instanceof AgentConfigError) throw new AgentConfigError(`agents[${String(index)}].model: ${error.message}`)
      throw error
    }
    const { limits } = spec
    summaries.push({
      id: definition.id,
      description: definition.description ?? null,
      version,
      model: name,
      tools: spec.tools.map((each) => each.name),
      limits,
    })
  }
  return {
    list: () => summaries,
    has: (agent_id) => agents.has(agent_id),
    get: (agent_id) => agents.get(agent_id) ?? null,
    byVersion: (version) => [...agents.values()].find((agent) => agent.version === version) ?? null,
    tool,
    revive: resolve,
    model,
  }
}
