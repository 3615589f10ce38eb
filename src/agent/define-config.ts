import type { FlexibleSchema, LanguageModel } from 'ai'

/** What a configuration file says: agents, the tools they may use, and limits for all of them. */

/** Where a tool runs: whose call it is, and on which conversation. */
export type ToolContext = { tenant: string; thread_id: string; run_id: string }
export type ToolCallOptions = {
  /** Unique in its thread and the same whenever this call is tried again: an idempotency key for what the tool does. */
  toolCallId: string
  /** Fires when the run is cancelled or the tool's time is up. */
  abortSignal: AbortSignal
  context: ToolContext
  /** Always empty: a tool that needs the conversation reads it from the service. */
  messages: []
}

/** An AI SDK tool with what Weft adds. Without `external` it needs `execute`. */
export type ToolDefinition<INPUT = unknown, OUTPUT = unknown> = {
  description?: string
  /** zod, any Standard Schema, or the AI SDK's `jsonSchema()`. */
  inputSchema: FlexibleSchema<INPUT>
  /** What it throws becomes the call's error result. Of an async iterable the last value is the result. */
  execute?: (input: INPUT, options: ToolCallOptions) => AsyncIterable<OUTPUT> | PromiseLike<OUTPUT> | OUTPUT
  /** A person must approve the call first. A function that throws counts as true. */
  needsApproval?: boolean | ((args: INPUT) => boolean | PromiseLike<boolean>)
  /** Runs elsewhere: the run waits until a decision brings the result. */
  external?: boolean
  /** May be run again when its worker died on the way. Default false: a person is asked instead. */
  repeatable?: boolean
  /** After this many ms the call gets an error result. Default: none. */
  timeoutMs?: number
  /** How long a ticket of this tool stays open, in ms. Default: for ever. */
  expiresInMs?: number
}
/** A tool of any input, as the configuration holds it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the input type differs from tool to tool
export type AgentTool = ToolDefinition<any, any>

export type AgentLimits = { max_steps?: number; token_budget?: number; deadline_ms?: number }
/** The models a string can name; `auto` (the default) takes the provider that has a key, else the scripted model. */
export type ModelName = 'auto' | 'scripted' | `openai/${string}` | `anthropic/${string}` | `compatible/${string}`

export type AgentDefinition = {
  id: string
  description?: string
  /** A name, or a model object of any AI SDK provider. */
  model?: ModelName | Exclude<LanguageModel, string>
  /** Other models (names as above) that a run may ask for. */
  allowed_models?: Exclude<ModelName, 'auto'>[]
  system?: string
  /** Names of tools in the configuration's `tools`. */
  tools?: string[]
  /** `max_steps` 50 where nothing else is said; `deadline_ms` counts from the run's start. */
  limits?: AgentLimits
}
export type WeftConfig = {
  /** One of them must be `default`. */
  agents: AgentDefinition[]
  tools?: Record<string, AgentTool>
  /** For every agent that does not set its own. */
  limits?: AgentLimits
}

/** The configuration as given; it exists for its types. */
export function defineConfig(config: WeftConfig): WeftConfig {
  return config
}

/** A tool as given, its input typed by its schema. */
export function tool<INPUT, OUTPUT>(definition: ToolDefinition<INPUT, OUTPUT>): ToolDefinition<INPUT, OUTPUT> {
  return definition
}

/** The configuration holds a mistake. The message names the place and says what would be right. */
export class AgentConfigError extends Error {
  override readonly name = 'AgentConfigError'
}
