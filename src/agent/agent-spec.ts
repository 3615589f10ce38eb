import { createHash } from 'node:crypto'
import { asSchema } from 'ai'
import type { AgentDefinition, AgentTool, WeftConfig } from './define-config.ts'
import type { RunLimits } from '../thread/records.ts'
import { canonicalJson } from '../thread/json.ts'
import type { Json, JsonObject } from '../thread/json.ts'

export const DEFAULT_MAX_STEPS = 50

/** What a tool is to the model and to the engine, as plain JSON. */
export type ToolSpec = {
  name: string
  description: string | null
  input_schema: Json
  /** `by_arguments`: a function decides. */
  approval: 'never' | 'always' | 'by_arguments'
  external: boolean
  repeatable: boolean
  timeout_ms: number | null
  expires_in_ms: number | null
}
/** What a run is pinned to. A model given as an object reads `object:<provider>/<model>`: only the configuration has it. */
export type AgentSpec = {
  agent_id: string
  model: string
  allowed_models: string[]
  /** Null in the spec of an agent whose system prompt is made for each run; such a run's own spec has it. */
  system: string | null
  tools: ToolSpec[]
  limits: RunLimits
}

/** The spec of one agent of a checked configuration; `model` is the resolved name. */
export async function agentSpec(agent: AgentDefinition, config: WeftConfig, model: string): Promise<AgentSpec> {
  const limits = { ...config.limits, ...agent.limits }
  const spec: AgentSpec = {
    agent_id: agent.id,
    model,
    allowed_models: agent.allowed_models ?? [],
    system: typeof agent.system === 'string' ? agent.system : null,
    tools: [],
    limits: { max_steps: limits.max_steps ?? DEFAULT_MAX_STEPS },
  }
  if (limits.token_budget !== undefined) spec.limits.token_budget = limits.token_budget
  if (limits.deadline_ms !== undefined) spec.limits.deadline_ms = limits.deadline_ms
  for (const name of agent.tools ?? []) {
    const tool = config.tools?.[name]
    if (tool !== undefined) spec.tools.push(await toolSpec(name, tool))
  }
  return spec
}

async function toolSpec(name: string, tool: AgentTool): Promise<ToolSpec> {
  const { needsApproval } = tool
  return {
    name,
    description: tool.description ?? null,
    input_schema: (await asSchema(tool.inputSchema).jsonSchema) as Json,
    approval: typeof needsApproval === 'function' ? 'by_arguments' : needsApproval === true ? 'always' : 'never',
    external: tool.external === true,
    repeatable: tool.repeatable === true,
    timeout_ms: tool.timeoutMs ?? null,
    expires_in_ms: tool.expiresInMs ?? null,
  }
}

/** A short hash: equal specs have equal versions, in every process. */
export function specVersion(spec: AgentSpec): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex').slice(0, 12)
}

/** A stored spec read back; null when it has not the shape of one. */
export function readSpec(value: JsonObject): AgentSpec | null {
  const spec = value as unknown as AgentSpec
  return typeof spec.model === 'string' && Array.isArray(spec.tools) && typeof spec.limits === 'object' ? spec : null
}
