import { Context } from '@temporalio/activity'
import { parseArguments } from '../src/agent/arguments.ts'
import type { AgentTool, ToolCallOptions } from '../src/agent/define-config.ts'
import { ToolEffects } from '../src/agent/tool-effects.ts'
import type { Effects } from '../src/agent/tool-effects.ts'
import type { Json } from '../src/thread/json.ts'
import type { Content, ToolCallPart } from '../src/thread/message.ts'
import type { ToolInput, ToolOutcome } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { patiently } from './patience.ts'
import { Stopped, watchStop } from './stop-watch.ts'
import type { StopWatch } from './stop-watch.ts'
import { failedResult, toolResult } from './tool-result.ts'
import type { ToolResult } from './tool-result.ts'

/**
 * Runs one tool call and stages its result; what a call that succeeded did through its context is in the outcome. What the tool throws, arguments that do not fit and a time that is up
 * are results with status `error`. Throws only when the worker stops or the activity is cut off: whether the tool
 * did its work is then unknown, and the workflow decides whether it may be tried again.
 */
export async function runTool(deps: ActivityDeps, input: ToolInput): Promise<ToolOutcome> {
  const tool = deps.agents.tool(input.tool_name)
  if (tool === null) return { kind: 'missing', error: `the tool "${input.tool_name}" is no longer part of the configuration` }
  if (tool.execute === undefined)
    return { kind: 'missing', error: `the tool "${input.tool_name}" can only be answered from outside` }
  const watch = watchStop(deps, input)
  watch.attach(Context.current())
  try {
    const args = await patiently(watch, () => findArguments(deps, input))
    const { result, effects } = await execute(deps, tool, input, args, watch)
    const { tenant, thread_id, run_id, step, attempt } = input
    const part = { part: `result:${input.tool_call_id}`, value: result.data }
    await patiently(watch, () => deps.store.engine.stage({ tenant, thread_id, run_id, step, attempt }, [part]))
    const { status, message } = result
    return { kind: 'done', status, ...(message === undefined ? {} : { message }), ...effects }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    if (watch.requested()) return { kind: 'cancelled' }
    throw watch.failure()
  } finally {
    watch.close()
  }
}

/** What a person made of the arguments, if anyone did; else what the model wrote. Undefined when the store has neither. */
async function findArguments({ store }: ActivityDeps, input: ToolInput): Promise<Json | undefined> {
  const { tenant, thread_id, run_id, step, model_attempt, tool_call_id } = input
  if (input.edited_args_seq !== null) {
    return store.conversation.eventValue({ tenant, thread_id }, input.edited_args_seq, ['result', 'edited_args'])
  }
  const message = (await store.engine.staged({ tenant, thread_id, run_id, step, attempt: model_attempt }, 'message')) as
    Content | undefined
  const parts = Array.isArray(message) ? message : []
  return parts.find((part): part is ToolCallPart => part.type === 'tool_call' && part.tool_call_id === tool_call_id)?.arguments
}

type Executed = { result: ToolResult; effects: Effects }

/** A call that went wrong: whatever it did through its context is dropped. */
function failed(message: string): Executed {
  return { result: failedResult(message), effects: {} }
}

async function execute(
  { store }: ActivityDeps,
  tool: AgentTool,
  input: ToolInput,
  args: Json | undefined,
  watch: StopWatch,
): Promise<Executed> {
  if (args === undefined) return failed('the arguments of this call are no longer stored')
  const parsed = await parseArguments(input.tool_name, tool, args)
  if (!parsed.ok) return failed(parsed.message)
  const timeout = new AbortController()
  const { tenant, thread_id, run_id } = input
  const doing = new ToolEffects({ tenant, thread_id, run_id }, () =>
    patiently(watch, () => store.engine.sharedState({ tenant, thread_id })),
  )
  const options: ToolCallOptions = {
    toolCallId: input.tool_call_id,
    abortSignal: AbortSignal.any([watch.signal, timeout.signal]),
    context: doing.context,
    messages: [],
  }
  const limit = timeLimit(tool, timeout)
  try {
    const work = call(tool, parsed.value, options).then(async (value) => ({ value, effects: await doing.finish() }))
    const { value, effects } = await watch.race(Promise.race([limit.expired, work]))
    const result = toolResult(value)
    return { result, effects: result.status === 'success' ? effects : {} }
  } catch (error) {
    // A tool that listens to its signal fails because of the stop: that is no result.
    if (error instanceof Stopped || watch.signal.aborted) throw new Stopped('the activity must stop')
    if (timeout.signal.aborted) return failed(`the tool did not finish within ${String(tool.timeoutMs)} ms`)
    return failed(error instanceof Error && error.message !== '' ? error.message : String(error))
  } finally {
    doing.close()
    limit.clear()
  }
}

/** `expired` rejects when the tool's time is up; without a limit it never settles. */
function timeLimit({ timeoutMs }: AgentTool, controller: AbortController): { expired: Promise<never>; clear(): void } {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    if (timeoutMs === undefined) return
    timer = setTimeout(() => {
      const reason = new DOMException('the time is up', 'TimeoutError')
      controller.abort(reason)
      reject(reason)
    }, timeoutMs)
  })
  expired.catch(() => undefined)
  return {
    expired,
    clear: () => {
      clearTimeout(timer)
    },
  }
}

/** Async, so that a tool that throws before it returns a promise is treated like any other. */
async function call(tool: AgentTool, args: unknown, options: ToolCallOptions): Promise<unknown> {
  const returned: unknown = tool.execute?.(args, options)
  if (!isAsyncIterable(returned)) return returned
  let last: unknown
  for await (const value of returned) {
    options.abortSignal.throwIfAborted()
    last = value
  }
  return last
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
