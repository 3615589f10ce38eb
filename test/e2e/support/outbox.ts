import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../../support/sources.ts'
import type { Weft } from './weft.ts'

export type Sent = { tool_call_id: string; to: string }
export type Outbox = {
  /** Every execution of the tool so far, of any process, by who it was for. */
  sent(to: string): Sent[]
}

/**
 * Has the program configured with a `send_email` that needs approval and leaves a line in a file for each execution,
 * and a `slow_email` that does not and takes `ms` after it has left its line. The file counts what no log could.
 */
export function installOutbox(weft: Weft): Outbox {
  const file = join(weft.dir, 'outbox.ndjson')
  const from = (path: string): string => JSON.stringify(pathToFileURL(join(ROOT, path)).href)
  weft.write(
    'weft.config.ts',
    `import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { jsonSchema } from ${JSON.stringify(import.meta.resolve('ai'))}
import { defineConfig, tool } from ${from('src/agent/define-config.ts')}
import { exampleTools } from ${from('src/agent/example-tools.ts')}

const inputSchema = jsonSchema<{ to: string; ms?: number }>({ type: 'object', required: ['to'], properties: { to: { type: 'string' } } })
const send = ({ to }: { to: string }, tool_call_id: string) =>
  appendFileSync(${JSON.stringify(file)}, JSON.stringify({ tool_call_id, to }) + '\\n')
const tools = {
  ...exampleTools,
  send_email: tool({
    inputSchema,
    needsApproval: true,
    execute: (input, { toolCallId }) => {
      send(input, toolCallId)
      return { sent: true }
    },
  }),
  slow_email: tool({
    inputSchema,
    execute: async (input, { toolCallId, abortSignal }) => {
      send(input, toolCallId)
      await delay(input.ms ?? 0, undefined, { signal: abortSignal })
      return { sent: true }
    },
  }),
}
export default defineConfig({ agents: [{ id: 'default', tools: Object.keys(tools) }], tools })
`,
  )
  return {
    sent(to) {
      const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
      return lines.map((line) => JSON.parse(line) as Sent).filter((sent) => sent.to === to)
    },
  }
}

/** What the scripted model is told so that it asks for the e-mail, to somebody whom no other test writes to. */
export function emailTo(to: string): string {
  return `/tool send_email ${JSON.stringify({ to, subject: 'hi' })}`
}
