import type { AgentTool } from '../src/agent/define-config.ts'
import { parseArguments } from '../src/agent/arguments.ts'
import { jsonSize } from '../src/thread/json.ts'
import { MAX_INLINE_ARGUMENTS_BYTES } from '../src/thread/limits.ts'
import type { CallPlan } from '../src/thread/ports.ts'
import type { RawCall } from './step-output.ts'

/** More calls than this in one step are refused: every plan travels through Temporal. */
export const MAX_CALLS_PER_STEP = 128
const MAX_REJECTION_CHARACTERS = 2_000

/** What is to become of each call a model asked for, in its order; `tools` are those the run may use. */
export async function planCalls(calls: readonly RawCall[], tools: ReadonlyMap<string, AgentTool>): Promise<CallPlan[]> {
  return Promise.all(calls.map((call, index) => planCall(call, tools, index)))
}

async function planCall(call: RawCall, tools: ReadonlyMap<string, AgentTool>, index: number): Promise<CallPlan> {
  const tool = tools.get(call.name)
  const staged = index >= MAX_CALLS_PER_STEP || jsonSize(call.arguments) > MAX_INLINE_ARGUMENTS_BYTES
  const plan: CallPlan = {
    tool_call_id: call.id,
    tool_name: call.name,
    disposition: 'run',
    arguments: staged ? null : call.arguments,
    arguments_staged: staged,
    repeatable: tool?.repeatable === true,
    timeout_ms: tool?.timeoutMs ?? null,
    expires_in_ms: tool?.expiresInMs ?? null,
  }
  const reject = (rejection: string): CallPlan => ({
    ...plan,
    disposition: 'reject',
    rejection: rejection.slice(0, MAX_REJECTION_CHARACTERS),
  })
  if (index >= MAX_CALLS_PER_STEP) return reject(`too many tool calls in one step; the most is ${String(MAX_CALLS_PER_STEP)}`)
  if (tool === undefined)
    return reject(`there is no tool named "${call.name}"; the tools are: ${[...tools.keys()].join(', ') || 'none'}`)
  if (call.problem === 'no_json') return reject(`the arguments of ${call.name} are not valid JSON`)
  const parsed = await parseArguments(call.name, tool, call.arguments)
  if (!parsed.ok) return reject(parsed.message)
  if (tool.external === true) return { ...plan, disposition: 'external' }
  return (await needsApproval(tool, parsed.value)) ? { ...plan, disposition: 'approve' } : plan
}

/** When the question itself fails, a person decides: that is the safe side. */
async function needsApproval(tool: AgentTool, args: unknown): Promise<boolean> {
  if (typeof tool.needsApproval !== 'function') return tool.needsApproval === true
  try {
    return await tool.needsApproval(args)
  } catch {
    return true
  }
}
