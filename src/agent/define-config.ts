import type { FlexibleSchema, LanguageModel } from 'ai'
import type { JsonObject } from '../thread/json.ts'
import type { MessageInput, Role } from '../thread/message.ts'

/** What a configuration file says: agents, the tools they may use, and limits for all of them. */

/** A JSON object that the thread keeps for its tools; a new run finds what the one before has left. */
export type ThreadState = {
  /** The state as stored, with this call's own patches. What a call beside this one patches may be missing. */
  get(): Promise<JsonObject>
  /**
   * Merged into the state key by key, null removes a key. Wait for it: it rejects where the whole state would be larger
   * than MAX_SHARED_BYTES (16 KiB of JSON), and throws for what is not plain JSON. A patch that was not waited for and
   * is refused makes an error of the call's result.
   */
  patch(changes: JsonObject): Promise<void>
}
/** A string is short for a user message. `visibility` is `internal` where nothing is said: nobody has written it. */
export type ToolMessage = string | (Omit<MessageInput, 'id' | 'role'> & { role: Exclude<Role, 'tool'> })

/**
 * Where a tool runs (whose call it is, on which conversation), and what it may do there besides returning a result.
 * Its messages and patches take effect together with its result: those of a call that throws, runs out of time, is
 * cancelled or is lost are dropped. Where calls side by side ask together for more than the thread holds, the later is
 * left out with a CommandRejected event. Once the tool has ended, every call throws.
 */
export type ToolContext = {
  tenant: string
  thread_id: string
  run_id: string
  /**
   * Puts messages into the queue of the tool's own run, behind what is there. The run reads them before its next model
   * call (`next_step`, the default), or once the model would end the run (`on_natural_end`), which then goes on.
   * Throws for a message that is not well formed, and above MAX_STAGED_MESSAGES (20) or MAX_STAGED_BYTES (64 KiB of
   * JSON) in one call of the tool. An empty list is nothing.
   */
  stageMessages(messages: ToolMessage | readonly ToolMessage[], options?: { boundary?: 'next_step' | 'on_natural_end' }): void
  state: ThreadState
}
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

/** Gets the thread's state as the run finds it. When it throws, the attempt has failed and is repeated like any other. */
export type SystemPrompt = (state: JsonObject) => string | PromiseLike<string>

export type AgentDefinition = {
  id: string
  description?: string
  /** A name, or a model object of any AI SDK provider. */
  model?: ModelName | Exclude<LanguageModel, string>
  /** Other models (names as above) that a run may ask for. */
  allowed_models?: Exclude<ModelName, 'auto'>[]
  /**
   * The system prompt, or what makes it of the thread's state. A function is asked once a run, before its first model
   * call; the run keeps that text, also across restarts, and each different text is a version of the agent of its own.
   */
  system?: string | SystemPrompt
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
