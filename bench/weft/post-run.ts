import { Agent, request } from 'node:http'
import { createParser } from 'eventsource-parser'

/** One run over HTTP, in ms since the request; `run_id` says which. */
export type PostedRun = { run_id: string; first_ms: number; end_ms: number }
type Frame = { event_type: string; run_id?: string; termination?: { type: string }; result?: { response: string } }

/** Connections stay open between runs, as those of any client that talks more than once. */
export function createAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 256 })
}

/**
 * POST /v1/runs and its event stream to the end. Resolves after the response has ended, so that the next run finds the
 * connection free, but the end it tells of is that of the `run_finish` frame. Throws unless the run ended by itself
 * with the answer that the scripted model gives.
 */
export function postRun(api: string, agent: Agent, thread_id: string, content: string): Promise<PostedRun> {
  const body = JSON.stringify({ agent_id: 'default', thread_id, messages: [{ role: 'user', content }] })
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const frames: { at: number; frame: Frame }[] = []
    const parser = createParser({
      onEvent: ({ data }) => frames.push({ at: performance.now(), frame: JSON.parse(data) as Frame }),
    })
    let rest = ''
    const began = performance.now()
    const posted = request(`${api}/v1/runs`, { method: 'POST', agent, headers }, (response) => {
      const streams = response.headers['content-type']?.startsWith('text/event-stream') === true
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (streams ? parser.feed(chunk) : (rest += chunk)))
      response.on('error', reject)
      response.on('end', () => {
        if (!streams) return reject(new Error(`POST /v1/runs answered ${String(response.statusCode)}: ${rest}`))
        const first = frames[0]
        const last = frames.at(-1)
        const run_id = first?.frame.run_id
        if (first === undefined || last === undefined || run_id === undefined) return reject(new Error('a stream without a run'))
        const problem = whatIsWrong(last.frame, content)
        if (problem !== null) return reject(new Error(`the run ${run_id} ${problem}`))
        resolve({ run_id, first_ms: first.at - began, end_ms: last.at - began })
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
