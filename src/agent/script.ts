import type { LanguageModelV4Prompt, LanguageModelV4ToolResultOutput } from '@ai-sdk/provider'

/** What a user message tells the scripted model to do. */
export type Script = {
  /** The lines that are no commands. */
  text: string
  /** Arguments as they stand in the message, valid JSON or not. */
  tools: { name: string; args: string }[]
  slow_ms: number
  fail: { attempts: number; status: number } | null
  loop: number
  think: string[]
}

/** Reads a user message: `/tool NAME {json}`, `/slow MS`, `/fail N STATUS`, `/loop N`, `/think TEXT`, one a line. */
export function parseScript(message: string): Script {
  const script: Script = { text: '', tools: [], slow_ms: 0, fail: null, loop: 0, think: [] }
  const text: string[] = []
  for (const line of message.split(/\r?\n/)) if (!readCommand(line.trim(), script)) text.push(line)
  script.text = text.join('\n').trim()
  return script
}

function readCommand(line: string, script: Script): boolean {
  const [, command, rest = ''] = /^\/(tool|slow|fail|loop|think)(?:\s+(.*))?$/.exec(line) ?? []
  const words = rest.split(/\s+/)
  switch (command) {
    case 'tool': {
      const [, name, args = ''] = /^(\S+)\s*(.*)$/.exec(rest) ?? []
      if (name === undefined) return false
      script.tools.push({ name, args: args === '' ? '{}' : args })
      return true
    }
    case 'slow':
      script.slow_ms += number(words[0], 1000)
      return true
    case 'fail':
      script.fail = { attempts: number(words[0], 1), status: number(words[1], 500) }
      return true
    case 'loop':
      script.loop += number(words[0], 1)
      return true
    case 'think':
      script.think.push(rest)
      return true
    default:
      return false
  }
}

function number(word: string | undefined, fallback: number): number {
  return word !== undefined && /^\d{1,9}$/.test(word) ? Number(word) : fallback
}

/** Where a conversation stands: its last user message, and what came after it. */
export type Turn = { message: string; steps: number; results: { name: string; output: LanguageModelV4ToolResultOutput }[] }

/** Finds the last user message and counts the tool steps taken since. */
export function currentTurn(prompt: LanguageModelV4Prompt): Turn {
  const turn: Turn = { message: '', steps: 0, results: [] }
  const start = prompt.findLastIndex((message) => message.role === 'user')
  for (const message of prompt.slice(Math.max(start, 0))) {
    if (message.role === 'user') {
      turn.message = message.content.map((part) => (part.type === 'text' ? part.text : `[${part.mediaType}]`)).join('\n')
    } else if (message.role === 'assistant') {
      if (message.content.some((part) => part.type === 'tool-call')) turn.steps += 1
    } else if (message.role === 'tool') {
      for (const part of message.content)
        if (part.type === 'tool-result') turn.results.push({ name: part.toolName, output: part.output })
    }
  }
  return turn
}

/** The tool calls of step `index` (from 0) of a turn: the `/tool` lines first, then one call for each round of `/loop`. */
export function plannedCalls(script: Script, index: number, offered: string[]): { name: string; args: string }[] {
  if (script.tools.length > 0 && index === 0) return script.tools
  const round = script.tools.length > 0 ? index : index + 1
  if (round > script.loop) return []
  const name = offered.includes('get_weather') ? 'get_weather' : offered[0]
  return name === undefined
    ? []
    : [{ name, args: name === 'get_weather' ? JSON.stringify({ city: `City ${String(round)}` }) : '{}' }]
}

/** The answer that ends a turn: the text said back, then every tool result in the order of the calls. */
export function finalAnswer(script: Script, turn: Turn): string {
  const lines: string[] = []
  if (script.text !== '') lines.push(`You said: ${script.text}`)
  for (const { name, output } of turn.results) lines.push(quote(name, output))
  return lines.length > 0 ? lines.join('\n') : `You said: ${turn.message.trim()}`
}

function quote(name: string, output: LanguageModelV4ToolResultOutput): string {
  switch (output.type) {
    case 'text':
      return `${name} returned: ${output.value}`
    case 'json':
      return `${name} returned: ${JSON.stringify(output.value)}`
    case 'error-text':
      return `${name} failed: ${output.value}`
    case 'error-json':
      return `${name} failed: ${JSON.stringify(output.value)}`
    case 'execution-denied':
      return `${name} was denied: ${output.reason ?? 'no reason given'}`
    case 'content':
      return `${name} returned: ${output.value.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join(' ')}`
  }
}
