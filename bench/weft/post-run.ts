import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'

/** One run over HTTP, in ms since the first request; `run_id` says which, `asked_again` how often it was sent again. */
export type PostedRun = { run_id: string; first_ms: number; end_ms: number; asked_again: number }
type Frame = { event_type: string; run_id?: string; termination?: { type: string }; result?: { response: string } }

/** Connections stay open between runs, as those of any client that talks more than once. */
export function createAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 256 })
}

/** A turn that is refused for so long has failed. */
const PATIENCE_MS = 30_000

/**
 * POST /v1/runs and its event stream to the end. Resolves after the response has ended, so that the next run finds the
 * connection free, but the end it tells of is that of the `run_finish` frame. Throws unless the run ended by itself
 * with the answer that the scripted model gives.
 *
 * As a client does that does what the service says: a 503 is waited for as long as it asks and sent again, on the clock
 * of the same turn. Every request has an Idempotency-Key, the first one too, since what was answered 503 may have been
 * done all the same; with a key the second try joins that run, without one it would begin another.
 */
export async function postRun(api: string, agent: Agent, thread_id: string, content: string): Promise<PostedRun> {
  const key = randomUUID()
  const began = performance.now()
  for (let asked_again = 0; ; asked_again++) {
    const answer = await postOnce(api, agent, { thread_id, content, key })
    if (!('retry_ms' in answer))
      return { run_id: answer.run_id, first_ms: answer.first - began, end_ms: answer.end - began, asked_again }
    if (performance.now() - began + answer.retry_ms > PATIENCE_MS) throw new Error(answer.problem)
    await sleep(answer.retry_ms)
  }
}

type Posted = { run_id: string; first: number; end: number } | { retry_ms: number; problem: string }

function postOnce(
  api: string,
  agent: Agent,
  { thread_id, content, key }: { thread_id: string; content: string; key: string },
): Promise<Posted> {
  const body = JSON.stringify({ agent_id: 'default', thread_id, messages: [{ role: 'user', content }] })
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    'content-length': Buffer.byteLength(body),
    'idempotency-key': key,
  }
  return new Promise((resolve, reject) => {
    const frames: { at: number; frame: Frame }[] = []
    const parser = createParser({
      onEvent: ({ data }) => frames.push({ at: performance.now(), frame: JSON.parse(data) as Frame }),
    })
    let rest = ''
    const posted = request(`${api}/v1/runs`, { method: 'POST', agent, headers }, (response) => {
      const streams = response.headers['content-type']?.startsWith('text/event-stream') === true
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (streams ? parser.feed(chunk) : (rest += chunk)))
      response.on('error', reject)
      response.on('end', () => {
        const problem = `POST /v1/runs answered ${String(response.statusCode)}: ${rest}`
        const retry_s = Number(response.headers['retry-after'])
        if (response.statusCode === 503 && retry_s > 0) return resolve({ retry_ms: retry_s * 1_000, problem })
        if (!streams) return reject(new Error(problem))
        const first = frames[0]
        const last = frames.at(-1)
        const run_id = first?.frame.run_id
        if (first === undefined || last === undefined || run_id === undefined) return reject(new Error('a stream without a run'))
        const wrong = whatIsWrong(last.frame, content)
        if (wrong !== null) return reject(new Error(`the run ${run_id} ${wrong}`))
        resolve({ run_id, first: first.at, end: last.at })
      })
    })
    posted.on('error', reject)
    posted.end(body)
  })
}

function whatIsWrong({ event_type, termination, result }: Frame, content: string): string | null {
  if (event_type !== 'run_finish') return `ended its stream with ${event_type}`
  if (termination?.type !== 'natural_end') return `ended ${String(termination?.type)}`
  return result?.response === `You said: ${content}` ? null : `answered ${String(result?.response)}`
}
