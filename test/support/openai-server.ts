import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** How the server answers one request. Words are streamed one by one, `delay_ms` apart; after the first, `hold` is awaited. */
export type Answer =
  | {
      kind: 'text'
      text: string
      hold?: Promise<unknown>
      delay_ms?: number
      reasoning?: string
      first_byte_ms?: number
      cut_after?: number
    }
  | { kind: 'tools'; calls: { id?: string; name: string; args: string }[]; text?: string }
  | { kind: 'status'; status: number; retry_after?: string; message?: string }
  | { kind: 'stream_error'; text: string; message: string }
export type ChatRequest = {
  model: string
  messages: { role: string; content: unknown; tool_calls?: unknown[]; tool_call_id?: string }[]
  tools?: unknown[]
  stream?: boolean
  response_format?: unknown
}
/** Gives the answer to the n-th request (from 1). */
export type Script = (request: ChatRequest, n: number) => Answer
export type OpenAiServer = {
  /** What OPENAI_BASE_URL would be. */
  base_url: string
  requests: ChatRequest[]
  authorizations: (string | undefined)[]
  /** Requests whose client went away before the end. */
  aborted(): number
  close(): Promise<void>
}

const echo: Script = ({ messages }) => ({ kind: 'text', text: `Echo: ${JSON.stringify(messages.at(-1)?.content)}` })

/**
 * A server that speaks OpenAI's streaming chat completions. Every request becomes one line (its body) of `log_file`,
 * so that a test can count model calls across processes. `answers` are used up in order before `script` is asked.
 */
export async function startOpenAiServer(
  options: { log_file?: string; script?: Script; answers?: Answer[]; port?: number; on_abort?: () => void } = {},
): Promise<OpenAiServer> {
  const { log_file, script = echo, answers = [], port = 0, on_abort } = options
  const requests: ChatRequest[] = []
  const authorizations: (string | undefined)[] = []
  let aborted = 0
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    for await (const chunk of incoming) body += String(chunk)
    if (incoming.method !== 'POST' || !(incoming.url ?? '').endsWith('/chat/completions')) {
      response.writeHead(404).end(JSON.stringify({ error: { message: `no such route: ${incoming.url ?? ''}` } }))
      return
    }
    const request = JSON.parse(body) as ChatRequest
    requests.push(request)
    authorizations.push(incoming.headers.authorization)
    if (log_file !== undefined) appendFileSync(log_file, `${JSON.stringify(request)}\n`)
    response.on('close', () => {
      if (response.writableEnded) return
      aborted += 1
      on_abort?.()
    })
    await reply(response, request, answers.shift() ?? script(request, requests.length))
  }
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    base_url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1`,
    requests,
    authorizations,
    aborted: () => aborted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function reply(response: ServerResponse, request: ChatRequest, answer: Answer): Promise<void> {
  if (answer.kind === 'status') {
    const headers = {
      'content-type': 'application/json',
      ...(answer.retry_after === undefined ? {} : { 'retry-after': answer.retry_after }),
    }
    response
      .writeHead(answer.status, headers)
      .end(JSON.stringify({ error: { message: answer.message ?? `status ${String(answer.status)}`, type: 'error', code: null } }))
    return
  }
  if (answer.kind === 'text' && answer.first_byte_ms !== undefined) await delay(answer.first_byte_ms)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (delta: object, finish_reason: string | null = null): void => {
    write(response, {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: request.model,
      choices: [{ index: 0, delta, finish_reason }],
    })
  }
  send({ role: 'assistant', content: '' })
  let words = 0
  if (answer.kind === 'tools') {
    if (answer.text !== undefined) send({ content: answer.text })
    for (const [index, { id, name, args }] of answer.calls.entries()) {
      const half = Math.ceil(args.length / 2)
      send({
        tool_calls: [
          { index, id: id ?? `call_${String(index)}`, type: 'function', function: { name, arguments: args.slice(0, half) } },
        ],
      })
      send({ tool_calls: [{ index, function: { arguments: args.slice(half) } }] })
    }
    send({}, 'tool_calls')
  } else {
    if (answer.kind === 'text' && answer.reasoning !== undefined) send({ reasoning_content: answer.reasoning })
    for (const word of answer.text.match(/\s*\S+\s*/g) ?? []) {
      if (response.destroyed) return
      if (answer.kind === 'text' && words === answer.cut_after) {
        response.destroy()
        return
      }
      if (answer.kind === 'text' && answer.hold !== undefined && words === 1) await answer.hold
      if (answer.kind === 'text' && answer.delay_ms !== undefined && words > 0) await delay(answer.delay_ms)
      send({ content: word })
      words += 1
    }
    if (answer.kind === 'stream_error') {
      write(response, { error: { message: answer.message, type: 'server_error', code: 'overloaded' } })
      response.end()
      return
    }
    send({}, 'stop')
  }
  const usage = {
    prompt_tokens: 10 * request.messages.length,
    completion_tokens: words,
    total_tokens: 10 * request.messages.length + words,
  }
  write(response, { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: request.model, choices: [], usage })
  response.end('data: [DONE]\n\n')
}

function write(response: ServerResponse, chunk: object): void {
  response.write(`data: ${JSON.stringify(chunk)}\n\n`)
}

/** The first `times` requests are refused with 429, the rest get the answer. */
export function rateLimited(times: number, retry_after: string, then: Answer): Script {
  return (_request, n) => (n <= times ? { kind: 'status', status: 429, retry_after, message: 'Rate limit reached' } : then)
}

/** `count` words that no two calls share, so that a test can see which call a text came from. */
export function uniqueWords(count: number, prefix: string): string {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index)}`).join(' ')
}
