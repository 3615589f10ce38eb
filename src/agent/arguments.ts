import { asSchema } from 'ai'
import type { AgentTool } from './define-config.ts'
import { isObject } from '../thread/json.ts'
import type { Json } from '../thread/json.ts'

const MAX_ISSUES = 5

export type ParsedArguments = { ok: true; value: unknown } | { ok: false; message: string }

/** Checks a call's arguments against its tool's schema. `message` names the fields that do not fit, for the model. */
export async function parseArguments(name: string, tool: AgentTool, args: Json): Promise<ParsedArguments> {
  const { validate } = asSchema(tool.inputSchema)
  if (validate === undefined) return { ok: true, value: args }
  const checked = await validate(args)
  if (checked.success) return { ok: true, value: checked.value }
  return { ok: false, message: `the arguments do not fit the tool ${name}: ${issues(checked.error)}` }
}

/** zod's issues, or those of any Standard Schema, wherever in the chain of causes they are; else the error's message. */
function issues(error: unknown): string {
  for (let at: unknown = error; isObject(at); at = at['cause']) {
    const list = at['issues']
    if (Array.isArray(list) && list.length > 0) return list.slice(0, MAX_ISSUES).map(describe).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}

function describe(issue: unknown): string {
  if (!isObject(issue)) return String(issue)
  const keys = Array.isArray(issue['path']) ? issue['path'].map((key: unknown) => String(isObject(key) ? key['key'] : key)) : []
  const text = typeof issue['message'] === 'string' ? issue['message'] : 'not valid'
  return keys.length === 0 ? text : `${keys.join('.')}: ${text}`
}
