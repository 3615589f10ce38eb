import { request, type Agent, type IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'

type Frame = { event_type: string; run_id?: string; termination?: { type: string }; tool_call?: unknown } & Record<
  string,
  unknown
>

/** The event stream of a run, as it comes. Times are those of `performance.now()`. */
export type RunStream = {
  run_id: string
  frames: { at: number; frame: Frame }[]
  /** Resolves with the time of the first frame that fits, also of those that have come; rejects when the stream ends without. */
  until(fits: (frame: Frame) => boolean): Promise<number>
  /** Resolves with the time of the last byte. */
  ended: Promise<number>
}

/** POST /v1/runs as a stream. Resolves with the first frame. Throws for an answer that is no stream. */
export function openRun(api: string, agent: Agent, thread_id: string, content: string, agent_id = 'default'): Promise<RunStream> {
  const body = JSON.stringify({ agent_id, thread_id, messages: [{ role: 'user', content }] })
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const posted = request(`${api}/v1/runs`, { method: 'POST', agent, headers }, (response) => {
      follow(response).then(resolve, reject)
    })
    posted.on('error', reject)
    posted.end(body)
  })
}

async function follow(response: IncomingMessage): Promise<RunStream> {
  const streams = response.headers['content-type']?.startsWith('text/event-stream') === true
  response.setEncoding('utf8')
  if (!streams) {
    let text = ''
    for await (const chunk of response) text += String(chunk)
    throw new Error(`POST /v1/runs answered ${String(response.statusCode)}: ${text}`)
  }
  const frames: RunStream['frames'] = []
  const waiting = new Set<() => void>()
  let over = false
  const wake = (): void => {
    for (const each of waiting) each()
  }
  const parser = createParser({
    onEvent: ({ data }) => void frames.push({ at: performance.now(), frame: JSON.parse(data) as Frame }),
  })
  response.on('data', (chunk: string) => {
    parser.feed(chunk)
    wake()
  })
  const ended = new Promise<number>((resolve) => {
    const end = (): void => {
      over = true
      resolve(performance.now())
      wake()
    }
    response.once('end', end)
    response.once('error', end)
  })
  const until = (fits: (frame: Frame) => boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      let looked = 0
      const look = (): void => {
        for (; looked < frames.length; looked++) {
          const next = frames[looked]
          if (next === undefined || !fits(next.frame)) continue
          waiting.delete(look)
          return resolve(next.at)
        }
        if (!over) return
        waiting.delete(look)
        reject(new Error(`a stream ended with ${JSON.stringify(frames.at(-1)?.frame)} before what was waited for`))
      }
      waiting.add(look)
      look()
    })
  await until(() => true)
  return { run_id: String(frames[0]?.frame.run_id), frames, until, ended }
}
