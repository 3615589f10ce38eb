import { asSchema, InvalidToolInputError, jsonSchema, NoSuchToolError, streamText, tool as sdkTool } from 'ai'
import type { ModelMessage, TextStreamPart, ToolSet } from 'ai'
import type { AgentTool } from '../src/agent/define-config.ts'
import { outputFormat } from '../src/agent/overrides.ts'
import { isObject } from '../src/thread/json.ts'
import type { Json, JsonObject } from '../src/thread/json.ts'
import type { ModelStepInput } from '../src/thread/ports.ts'
import type { Usage } from '../src/thread/records.ts'
import type { CallIds } from './call-ids.ts'
import type { LiveStep } from './live-step.ts'
import type { RunAgent } from './resolve-agent.ts'
import type { RawCall, StepOutput } from './step-output.ts'
import type { StopWatch } from './stop-watch.ts'

/** The AI SDK would print them; what matters of them shows in the answer. */
globalThis.AI_SDK_LOG_WARNINGS = false

/** Why a call ends whose answer is read: one for all, since making an error with its stack takes 0.1 ms. */
const LEFT = new DOMException('Nobody reads this answer any more.', 'AbortError')

/** A model can invent any name for a tool, and names travel through Temporal. */
const MAX_NAME_CHARACTERS = 128

/** How one call to a model ended. `error` is whatever the provider or the AI SDK threw or streamed. */
export type CallEnd = { kind: 'finished'; finish_reason: string; usage: Usage } | { kind: 'failed'; error: unknown }

export type ModelCall = {
  input: ModelStepInput
  run: RunAgent
  messages: ModelMessage[]
  response_format: JsonObject | undefined
  output: StepOutput
  live: LiveStep
  ids: CallIds
  watch: StopWatch
}

/**
 * Calls the model once, without retries and without running a tool, and collects what it streams. Throws Stopped
 * as soon as the activity must stop, whether or not the provider listens.
 */
export async function callModel(call: ModelCall): Promise<CallEnd> {
  const { input, run, messages, watch } = call
  const format = outputFormat(call.response_format)
  const { run_id, step, attempt } = input
  // Leaving early must also end the provider's stream.
  const leave = new AbortController()
  const result = streamText({
    model: run.model,
    messages,
    // People may put system messages into their own conversation; keeping tools' output out of them is not a matter of role.
    allowSystemInMessages: true,
    tools: await modelTools(run),
    maxRetries: 0,
    abortSignal: AbortSignal.any([watch.signal, leave.signal]),
    providerOptions: { weft: { run_id, step, attempt }, ...(isResponsesApi(run) ? { openai: { store: false } } : {}) },
    onError: () => undefined,
    ...(run.agent.spec.system === null ? {} : { instructions: run.agent.spec.system }),
    ...(format === undefined ? {} : { output: format }),
  })
  const parts = result.stream[Symbol.asyncIterator]()
  let end: CallEnd = { kind: 'failed', error: { message: 'the answer ended without a word of its end' } }
  try {
    for (;;) {
      const next = await watch.race(parts.next())
      if (next.done === true) return end
      const part = next.value as TextStreamPart<ToolSet>
      if (part.type === 'error') return { kind: 'failed', error: part.error }
      if (part.type === 'finish-step') end = { kind: 'finished', finish_reason: part.finishReason, usage: usage(part.usage) }
      else receive(call, part)
    }
  } finally {
    leave.abort(LEFT)
  }
}

/** A conversation is kept here and sent whole, so OpenAI need not keep it too. */
function isResponsesApi({ model }: RunAgent): boolean {
  return model.provider === 'openai.responses'
}

/**
 * Tools as the model is told of them: only their schemas. The AI SDK would run them, and would hand on arguments
 * that its schema has changed; what was written is what is kept and checked.
 */
async function modelTools({ tools }: RunAgent): Promise<ToolSet> {
  const set: ToolSet = {}
  for (const [name, definition] of tools) {
    const known = toldTools.get(definition) ?? (await toldTool(definition))
    toldTools.set(definition, known)
    set[name] = known
  }
  return set
}
/** Making JSON schemas anew for every step would cost more than the rest of a short step. */
const toldTools = new WeakMap<AgentTool, ToolSet[string]>()

async function toldTool({ description, inputSchema }: AgentTool): Promise<ToolSet[string]> {
  const schema = jsonSchema(await asSchema(inputSchema).jsonSchema)
  return sdkTool({ inputSchema: schema, outputSchema: jsonSchema({}), ...(description === undefined ? {} : { description }) })
}

function receive({ output, live, ids }: ModelCall, part: TextStreamPart<ToolSet>): void {
  switch (part.type) {
    case 'text-delta':
      live.delta('text', output.append('text', part.id, part.text, part.providerMetadata), part.text)
      break
    case 'reasoning-delta':
      live.delta('reasoning', output.append('reasoning', part.id, part.text, part.providerMetadata), part.text)
      break
    case 'text-end':
    case 'reasoning-end':
      output.end(part.type === 'text-end' ? 'text' : 'reasoning', part.id, part.providerMetadata)
      break
    case 'tool-input-start': {
      if (part.providerExecuted === true) break
      const id = ids.begin(part.id)
      output.startInput(id, part.toolName)
      live.callStart(id, part.toolName)
      break
    }
    case 'tool-input-delta': {
      const id = ids.current(part.id)
      if (id !== undefined) live.callDelta(id, output.appendInput(id, part.delta), part.delta)
      break
    }
    case 'tool-call': {
      if (part.providerExecuted === true) break
      const { id, announced } = ids.complete(part.toolCallId)
      const args = (part.input ?? {}) as Json
      if (!announced) announce(output, live, id, part.toolName, JSON.stringify(args))
      output.addCall(
        { id, name: part.toolName.slice(0, MAX_NAME_CHARACTERS), arguments: args, problem: problem(part) },
        part.providerMetadata,
      )
      break
    }
    default:
      // Sources, files and the SDK's own bookkeeping have no place in the conversation.
      break
  }
}

function announce(output: StepOutput, live: LiveStep, id: string, name: string, args: string): void {
  output.startInput(id, name)
  live.callStart(id, name)
  live.callDelta(id, output.appendInput(id, args), args)
}

function problem(part: { invalid?: boolean; error?: unknown }): RawCall['problem'] {
  if (part.invalid !== true) return null
  if (NoSuchToolError.isInstance(part.error)) return 'unknown_tool'
  return InvalidToolInputError.isInstance(part.error) ? 'no_json' : null
}

function usage(given: unknown): Usage {
  const count = (key: string): number => {
    const value = isObject(given) ? given[key] : undefined
    return typeof value === 'number' && Number.isFinite(value) ? value : 0
  }
  return { input_tokens: count('inputTokens'), output_tokens: count('outputTokens') }
}
