import { z } from 'zod'
import { AgentConfigError } from './define-config.ts'
import type { AgentTool, WeftConfig } from './define-config.ts'
import { isObject } from '../thread/json.ts'

const MAX_TIMER_MS = 2_147_483_647
const positive = z.int().min(1)
const duration = positive.max(MAX_TIMER_MS)
const name = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, "_", "." or "-"')
// Narrower than an agent's id: the providers' own rule for the names of functions.
const toolName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a name must be 1 to 64 letters, digits, "_" or "-"')
const MODEL_HINT =
  'must be "auto", "scripted", "openai/<model>", "anthropic/<model>", "compatible/<model>" or a model object of the AI SDK'
const modelName = z.string().regex(/^(auto|scripted|(openai|anthropic|compatible)\/.+)$/, MODEL_HINT)
const modelObject = z.custom<object>(
  (value) => isObject(value) && typeof value['specificationVersion'] === 'string' && typeof value['doStream'] === 'function',
)
const callable = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', 'must be a function')
const schemaLike = z.custom<object>(
  (value) => (typeof value === 'object' && value !== null) || typeof value === 'function',
  'must be a zod schema or jsonSchema(…)',
)

const limits = z.strictObject({
  max_steps: positive.optional(),
  token_budget: positive.optional(),
  deadline_ms: duration.optional(),
})
const agent = z.strictObject({
  id: name,
  description: z.string().optional(),
  model: z.union([modelName, modelObject]).optional(),
  allowed_models: z.array(modelName.refine((value) => value !== 'auto', 'must name its model')).optional(),
  system: z.union([z.string(), callable]).optional(),
  tools: z.array(z.string()).optional(),
  limits: limits.optional(),
})
// Not strict: an AI SDK tool may carry fields of its own.
const toolShape = z.looseObject({
  description: z.string().optional(),
  inputSchema: schemaLike,
  execute: callable.optional(),
  needsApproval: z.union([z.boolean(), callable]).optional(),
  external: z.boolean().optional(),
  repeatable: z.boolean().optional(),
  timeoutMs: duration.optional(),
  expiresInMs: duration.optional(),
})
const shape = z.strictObject({
  agents: z.array(agent).min(1),
  tools: z.record(toolName, toolShape).optional(),
  limits: limits.optional(),
})

/**
 * The configuration, once it holds no mistake. `origin` (a path, say) begins the message of the AgentConfigError
 * that lists every mistake, one a line, each with its place: `agents[1].tools[0]: no tool named "x"; …`.
 */
export function checkConfig(value: unknown, origin: string): WeftConfig {
  const parsed = shape.safeParse(value)
  if (!parsed.success)
    throw mistake(
      origin,
      parsed.error.issues.flatMap((issue) => describe(issue)),
    )
  const config = value as WeftConfig
  const tools = config.tools ?? {}
  const mistakes = Object.entries(tools).flatMap(([key, tool]) => checkTool(`tools.${key}`, tool))
  const seen = new Map<string, number>()
  for (const [index, entry] of config.agents.entries()) {
    const first = seen.get(entry.id)
    if (first !== undefined)
      mistakes.push(`agents[${String(index)}].id: "${entry.id}" is already the id of agents[${String(first)}]`)
    seen.set(entry.id, index)
    for (const [at, wanted] of (entry.tools ?? []).entries()) {
      if (Object.hasOwn(tools, wanted)) continue
      const known = Object.keys(tools).join(', ')
      mistakes.push(
        `agents[${String(index)}].tools[${String(at)}]: no tool named "${wanted}"; the config has ${known === '' ? 'no tools' : known}`,
      )
    }
  }
  if (!seen.has('default'))
    mistakes.push(`agents: there must be one with the id "default"; the config has ${[...seen.keys()].join(', ')}`)
  if (mistakes.length > 0) throw mistake(origin, mistakes)
  return config
}

function checkTool(place: string, tool: AgentTool): string[] {
  if (tool.external === true && tool.execute !== undefined) return [`${place}: it is external, so it must not have execute`]
  if (tool.external !== true && tool.execute === undefined)
    return [`${place}.execute: missing; a tool that is answered from outside says external: true`]
  return []
}

function describe(issue: z.core.$ZodIssue): string[] {
  const at = place(issue.path)
  if (issue.code === 'unrecognized_keys')
    return [`${at}: unknown ${issue.keys.length === 1 ? 'field' : 'fields'} ${issue.keys.map((key) => `"${key}"`).join(', ')}`]
  if (issue.code === 'invalid_key') return [`${at}: ${issue.issues[0]?.message ?? 'not a valid name'}`]
  if (issue.code === 'invalid_union') {
    const last = issue.path.at(-1)
    if (last === 'model') return [`${at}: ${MODEL_HINT}`]
    if (last === 'system') return [`${at}: must be text or a function that makes it`]
    return [`${at}: must be true, false or a function`]
  }
  return [`${at}: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`]
}

function place(path: PropertyKey[]): string {
  if (path.length === 0) return 'config'
  return path
    .map((key, index) => (typeof key === 'number' ? `[${String(key)}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('')
}

function mistake(origin: string, lines: string[]): AgentConfigError {
  return new AgentConfigError(lines.map((line) => `${origin}: ${line}`).join('\n'))
}
