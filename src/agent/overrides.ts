import { jsonSchema, Output } from 'ai'
import type { ResolvedAgent } from './registry.ts'
import type { RunLimits, RunOverrides } from '../thread/records.ts'
import { isObject } from '../thread/json.ts'
import type { JsonObject } from '../thread/json.ts'

/**
 * What a submit's overrides ask for beyond what the agent allows, as a sentence; null when all is well. They may
 * only narrow: fewer steps, fewer tokens, less time, a subset of the tools, another of the agent's allowed models.
 */
export function overridesProblem(
  { id, spec }: Pick<ResolvedAgent, 'id' | 'spec'>,
  overrides: RunOverrides | null,
): string | null {
  if (overrides === null) return null
  const { model, tools, response_format } = overrides
  if (model !== undefined && model !== spec.model && !spec.allowed_models.includes(model)) {
    return `the agent "${id}" does not allow the model "${model}"; it allows ${[spec.model, ...spec.allowed_models].join(', ')}`
  }
  const own = spec.tools.map((tool) => tool.name)
  const foreign = tools?.find((name) => !own.includes(name))
  if (foreign !== undefined)
    return `the agent "${id}" has no tool named "${foreign}"; it has ${own.length === 0 ? 'none' : own.join(', ')}`
  if (response_format !== undefined && formatKind(response_format) === null)
    return 'response_format.type must be "text", "json", "json_object" or "json_schema"'
  return null
}

/** The limits of one run: the agent's, narrowed by the overrides. */
export function narrowLimits(limits: RunLimits, overrides: RunOverrides | null): RunLimits {
  const narrowed: RunLimits = { max_steps: Math.min(limits.max_steps, overrides?.max_steps ?? Infinity) }
  const token_budget = Math.min(limits.token_budget ?? Infinity, overrides?.token_budget ?? Infinity)
  const deadline_ms = Math.min(limits.deadline_ms ?? Infinity, overrides?.deadline_ms ?? Infinity)
  if (token_budget !== Infinity) narrowed.token_budget = token_budget
  if (deadline_ms !== Infinity) narrowed.deadline_ms = deadline_ms
  return narrowed
}

/**
 * The AI SDK's form of `response_format`: `{type: "json", schema?, name?}`, or as OpenAI writes it `json_object` and
 * `{type: "json_schema", json_schema: {name?, schema}}`. Undefined for plain text.
 */
export function outputFormat(
  format: JsonObject | undefined,
): ReturnType<typeof Output.json> | ReturnType<typeof Output.object> | undefined {
  if (format === undefined || formatKind(format) !== 'json') return undefined
  const source = isObject(format['json_schema']) ? format['json_schema'] : format
  const named = typeof source['name'] === 'string' ? { name: source['name'] } : {}
  if (!isObject(source['schema'])) return Output.json(named)
  return Output.object({ schema: jsonSchema(source['schema']), ...named })
}

function formatKind(format: JsonObject): 'text' | 'json' | null {
  const { type } = format
  if (type === 'text') return 'text'
  return type === 'json' || type === 'json_object' || type === 'json_schema' ? 'json' : null
}
