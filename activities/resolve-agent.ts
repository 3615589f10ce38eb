import { readSpec } from '../src/agent/agent-spec.ts'
import { AgentConfigError } from '../src/agent/define-config.ts'
import type { AgentTool } from '../src/agent/define-config.ts'
import { narrowLimits, overridesProblem } from '../src/agent/overrides.ts'
import type { ModelObject, ResolvedAgent } from '../src/agent/registry.ts'
import type { Store } from '../src/store/store.ts'
import type { JsonObject } from '../src/thread/json.ts'
import type { RunLimits, RunOverrides } from '../src/thread/records.ts'
import type { ActivityDeps } from './deps.ts'

/** What one run runs with: the agent it is pinned to, narrowed by its overrides. */
export type RunAgent = {
  /** As runs record it: `openai/gpt-…`, `scripted`. */
  model_name: string
  agent: ResolvedAgent
  model: ModelObject
  tools: ReadonlyMap<string, AgentTool>
  limits: RunLimits
}
export type Refusal = { code: 'unknown_agent' | 'override_not_allowed' | 'model_unavailable'; error: string }

/**
 * Finds a run's agent: the pinned version as it is or as the store remembers it; without a pin the current one,
 * whose spec is stored first so that the pin can always be read. Throws StoreUnavailable.
 */
export async function resolveAgent(
  deps: Pick<ActivityDeps, 'agents' | 'store'>,
  run: { agent_id: string; agent_version: string | null; overrides: RunOverrides | null },
): Promise<RunAgent | Refusal> {
  const { agents, store } = deps
  const { agent_id, agent_version, overrides } = run
  try {
    const agent =
      agent_version === null ? agents.get(agent_id) : (agents.byVersion(agent_version) ?? (await revived(deps, agent_version)))
    if (agent === null) {
      const which = agent_version === null ? `"${agent_id}"` : `"${agent_id}" in version ${agent_version}`
      return {
        code: 'unknown_agent',
        error: `there is no agent ${which}; the configuration has ${agents
          .list()
          .map(({ id }) => id)
          .join(', ')}`,
      }
    }
    const problem = overridesProblem(agent, overrides)
    if (problem !== null) return { code: 'override_not_allowed', error: problem }
    if (agent_version === null) await remember(store, agent)
    const model = overrides?.model === undefined ? agent.model : agents.model(overrides.model)
    const model_name = (overrides?.model ?? agent.spec.model).replace(/^object:/, '')
    const wanted = overrides?.tools
    const tools = wanted === undefined ? agent.tools : new Map([...agent.tools].filter(([name]) => wanted.includes(name)))
    return { agent, model, model_name, tools, limits: narrowLimits(agent.spec.limits, overrides) }
  } catch (error) {
    if (error instanceof AgentConfigError) return { code: 'model_unavailable', error: error.message }
    throw error
  }
}

/** Versions that each store is known to have: one write for each version and process, not for each run. */
const remembered = new WeakMap<Store, Set<string>>()

async function remember(store: Store, agent: ResolvedAgent): Promise<void> {
  const known = remembered.get(store) ?? new Set()
  remembered.set(store, known)
  if (known.has(agent.version)) return
  await store.agents.save([{ agent_id: agent.id, version: agent.version, spec: agent.spec as unknown as JsonObject }])
  known.add(agent.version)
}

async function revived(
  { agents, store }: Pick<ActivityDeps, 'agents' | 'store'>,
  version: string,
): Promise<ResolvedAgent | null> {
  const stored = await store.agents.get(version)
  const spec = stored === null ? null : readSpec(stored.spec)
  return stored === null || spec === null ? null : agents.revive(stored.agent_id, version, spec)
}
