import { readSpec, specVersion } from '../src/agent/agent-spec.ts'
import { AgentConfigError } from '../src/agent/define-config.ts'
import type { AgentTool, SystemPrompt } from '../src/agent/define-config.ts'
import { narrowLimits, overridesProblem } from '../src/agent/overrides.ts'
import type { ModelObject, ResolvedAgent } from '../src/agent/registry.ts'
import type { Store } from '../src/store/store.ts'
import type { JsonObject } from '../src/thread/json.ts'
import type { ThreadRef } from '../src/thread/ports.ts'
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
export type Refusal = {
  code: 'unknown_agent' | 'override_not_allowed' | 'model_unavailable' | 'system_failed'
  error: string
  /** Another attempt may go better. */
  retryable: boolean
}

/**
 * Finds a run's agent: the pinned version as it is or as the store remembers it; without a pin the current one,
 * whose spec is stored first so that the pin can always be read. A system prompt that depends on the thread's state is
 * made then, and only then. Throws StoreUnavailable.
 */
export async function resolveAgent(
  deps: Pick<ActivityDeps, 'agents' | 'store' | 'logger'>,
  ref: ThreadRef,
  run: { agent_id: string; agent_version: string | null; overrides: RunOverrides | null },
): Promise<RunAgent | Refusal> {
  const { agents } = deps
  const { agent_id, agent_version, overrides } = run
  try {
    const found =
      agent_version === null ? agents.get(agent_id) : (agents.byVersion(agent_version) ?? (await revived(deps, agent_version)))
    if (found === null) {
      const which = agent_version === null ? `"${agent_id}"` : `"${agent_id}" in version ${agent_version}`
      return {
        code: 'unknown_agent',
        error: `there is no agent ${which}; the configuration has ${agents
          .list()
          .map(({ id }) => id)
          .join(', ')}`,
        retryable: false,
      }
    }
    const problem = overridesProblem(found, overrides)
    if (problem !== null) return { code: 'override_not_allowed', error: problem, retryable: false }
    const agent = agent_version === null ? await pinned(deps, ref, found) : found
    if ('code' in agent) return agent
    const model = overrides?.model === undefined ? agent.model : agents.model(overrides.model)
    const model_name = (overrides?.model ?? agent.spec.model).replace(/^object:/, '')
    const wanted = overrides?.tools
    const tools = wanted === undefined ? agent.tools : new Map([...agent.tools].filter(([name]) => wanted.includes(name)))
    return { agent, model, model_name, tools, limits: narrowLimits(agent.spec.limits, overrides) }
  } catch (error) {
    if (error instanceof AgentConfigError) return { code: 'model_unavailable', error: error.message, retryable: false }
    throw error
  }
}

/** The agent as the run will keep it, stored. */
async function pinned(
  deps: Pick<ActivityDeps, 'agents' | 'store' | 'logger'>,
  ref: ThreadRef,
  agent: ResolvedAgent,
): Promise<ResolvedAgent | Refusal> {
  const { agents, store, logger } = deps
  if (agent.makeSystem === undefined) {
    await remember(store, agent)
    return agent
  }
  const state = await store.engine.sharedState(ref)
  let system: string
  try {
    system = await systemText(agent.makeSystem, state)
  } catch (error) {
    logger.warn({ err: error, agent_id: agent.id, thread_id: ref.thread_id }, 'a system prompt could not be made')
    const told = `the system prompt of the agent "${agent.id}" could not be made; see the log of its worker`
    return { code: 'system_failed', error: told, retryable: true }
  }
  const spec = { ...agent.spec, system }
  const own = agents.revive(agent.id, specVersion(spec), spec)
  // Not among the remembered: there can be as many as there are runs.
  await save(store, own)
  return own
}

async function systemText(make: SystemPrompt, state: JsonObject): Promise<string> {
  const text: unknown = await make(state)
  if (typeof text === 'string') return text
  throw new TypeError(`it must be text, not ${text === null ? 'null' : typeof text}`)
}

/** Versions that each store is known to have: one write for each version and process, not for each run. */
const remembered = new WeakMap<Store, Set<string>>()

async function remember(store: Store, agent: ResolvedAgent): Promise<void> {
  const known = remembered.get(store) ?? new Set()
  remembered.set(store, known)
  if (known.has(agent.version)) return
  await save(store, agent)
  known.add(agent.version)
}

async function save(store: Store, agent: ResolvedAgent): Promise<void> {
  await store.agents.save([{ agent_id: agent.id, version: agent.version, spec: agent.spec as unknown as JsonObject }])
}

async function revived(
  { agents, store }: Pick<ActivityDeps, 'agents' | 'store'>,
  version: string,
): Promise<ResolvedAgent | null> {
  const stored = await store.agents.get(version)
  const spec = stored === null ? null : readSpec(stored.spec)
  return stored === null || spec === null ? null : agents.revive(stored.agent_id, version, spec)
}
