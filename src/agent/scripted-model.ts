import { setTimeout as delay } from 'node:timers/promises'
import { APICallError } from '@ai-sdk/provider'
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { currentTurn, finalAnswer, parseScript, plannedCalls } from './script.ts'

/** Which step and attempt of which run a call belongs to, as the model step passes it in `providerOptions.weft`. */
type StepFacts = { run_id: string; step: number; attempt: number }
type Timed = { part: LanguageModelV4StreamPart; wait_ms: number }

/**
 * A model that needs no key and answers by the last user message: plain text gives `You said: …`, commands (see
 * `parseScript`) reach tool calls, slow answers, failures, loops and reasoning. Equal input gives equal output.
 */
export function createScriptedModel(): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'weft.scripted',
    modelId: 'scripted',
    supportedUrls: { '*/*': [/.*/] },
    doStream: (options) => {
      options.abortSignal?.throwIfAborted()
      return Promise.resolve({ stream: play(script(options), options.abortSignal) })
    },
    doGenerate: async (options) => {
      const content: LanguageModelV4Content[] = []
      let end: Extract<LanguageModelV4StreamPart, { type: 'finish' }> | undefined
      for await (const part of play(script(options), options.abortSignal)) {
        const last = content.at(-1)
        if (part.type === 'text-start') content.push({ type: 'text', text: '' })
        else if (part.type === 'reasoning-start') content.push({ type: 'reasoning', text: '' })
        else if (
          (part.type === 'text-delta' && last?.type === 'text') ||
          (part.type === 'reasoning-delta' && last?.type === 'reasoning')
        )
          last.text += part.delta
        else if (part.type === 'tool-call') content.push(part)
        else if (part.type === 'finish') end = part
      }
      if (end === undefined) throw new Error('the script did not end')
      return { content, finishReason: end.finishReason, usage: end.usage, warnings: [] }
    },
  }
}

/** Everything one call streams, with the wait before each part. Throws APICallError where `/fail` says so. */
function script(options: LanguageModelV4CallOptions): Timed[] {
  const { run_id, step, attempt } = stepFacts(options)
  const turn = currentTurn(options.prompt)
  const plan = parseScript(turn.message)
  if (plan.fail !== null && turn.steps === 0 && attempt <= plan.fail.attempts) throw failure(plan.fail.status, attempt)
  const calls = plannedCalls(
    plan,
    turn.steps,
    (options.tools ?? []).map((tool) => tool.name),
  )
  const parts: Timed[] = [{ part: { type: 'stream-start', warnings: [] }, wait_ms: 0 }]
  const add = (part: LanguageModelV4StreamPart, wait_ms = 0): number => parts.push({ part, wait_ms })
  let words = 0
  for (const [index, { name, args }] of calls.entries()) {
    const id = `call_${run_id.slice(-12)}_${String(step)}_${String(index + 1)}`
    add({ type: 'tool-input-start', id, toolName: name })
    add({ type: 'tool-input-delta', id, delta: args })
    add({ type: 'tool-input-end', id })
    add({ type: 'tool-call', toolCallId: id, toolName: name, input: args })
    words += split(args).length
  }
  if (calls.length === 0) {
    if (plan.think.length > 0) words += say('reasoning', plan.think.join('\n'), 0, add)
    words += say('text', finalAnswer(plan, turn), plan.slow_ms, add)
  }
  add({
    type: 'finish',
    finishReason: { unified: calls.length > 0 ? 'tool-calls' : 'stop', raw: undefined },
    usage: {
      inputTokens: {
        total: split(JSON.stringify(options.prompt)).length,
        noCache: undefined,
        cacheRead: undefined,
        cacheWrite: undefined,
      },
      outputTokens: { total: words, text: undefined, reasoning: undefined },
    },
  })
  return parts
}

/** One block, a word a part, spread over `spread_ms`; returns the number of words. */
function say(
  kind: 'text' | 'reasoning',
  text: string,
  spread_ms: number,
  add: (part: LanguageModelV4StreamPart, wait_ms?: number) => void,
): number {
  const words = split(text)
  const id = `${kind}-1`
  add({ type: `${kind}-start`, id })
  for (const [index, delta] of words.entries())
    add({ type: `${kind}-delta`, id, delta }, index === 0 ? 0 : spread_ms / words.length)
  add({ type: `${kind}-end`, id }, spread_ms / Math.max(words.length, 1))
  return words.length
}

/** Words with the white space that follows them, so that they join to the text again. */
function split(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? []
}

/** A stream that waits as the parts say and fails with the signal's reason as soon as it is aborted. */
function play(parts: Timed[], signal: AbortSignal | undefined): ReadableStream<LanguageModelV4StreamPart> {
  let next = 0
  let due = performance.now()
  return new ReadableStream<LanguageModelV4StreamPart>({
    async pull(controller) {
      const timed = parts[next]
      if (timed === undefined) {
        controller.close()
        return
      }
      next += 1
      // Against a clock of its own, so that timers' rounding does not add up over many words.
      due += timed.wait_ms
      const wait_ms = due - performance.now()
      if (timed.wait_ms > 0 && wait_ms > 0) await delay(wait_ms, undefined, signal === undefined ? {} : { signal })
      signal?.throwIfAborted()
      controller.enqueue(timed.part)
    },
  })
}

function failure(statusCode: number, attempt: number): APICallError {
  const message = `the scripted model was told to fail attempt ${String(attempt)} with status ${String(statusCode)}`
  return new APICallError({ message, url: 'scripted:', requestBodyValues: {}, statusCode })
}

function stepFacts({ providerOptions }: LanguageModelV4CallOptions): StepFacts {
  const { run_id, step, attempt } = providerOptions?.['weft'] ?? {}
  return {
    run_id: typeof run_id === 'string' ? run_id : 'run',
    step: typeof step === 'number' ? step : 1,
    attempt: typeof attempt === 'number' ? attempt : 1,
  }
}
