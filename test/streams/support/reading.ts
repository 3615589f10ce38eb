import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A client for streams that knows nothing but docs/http.md: frames count once their empty line has come, the last `id`
 * is what one comes back with, and a new `step_start` takes the place of what there was of that step.
 */
export type Frame = { id: string | null; data: any }
export type ReadOptions = {
  url: string
  path: string
  /** First request of the stream, where it is not the GET itself. Its answer's Content-Location is the stream to come back to. */
  post?: { path: string; body: object; key: string }
  /** True: that was all. */
  take: (frame: Frame) => boolean
  signal?: AbortSignal
}
export type ReadReport = { connections: number; refused: number[] }

const PAUSE_MS = 10

/** Reads to the end, however often the connection is lost. */
export async function readThrough({ url, path, post, take, signal }: ReadOptions): Promise<ReadReport> {
  const report: ReadReport = { connections: 0, refused: [] }
  let last: string | null = null
  let location: string | null = post === undefined ? path : null
  while (signal?.aborted !== true) {
    report.connections += 1
    const outcome = await connection({
      url: new URL(location ?? post?.path ?? path, url),
      ...(location === null && post !== undefined ? { post } : {}),
      last,
      signal,
      located: (found) => {
        if (location === null) location = `${found}/stream`
      },
      take(frame) {
        if (frame.id !== null && frame.id !== '') last = frame.id
        return frame.data === null ? false : take(frame)
      },
    })
    if (outcome === 'done') return report
    if (typeof outcome === 'number') {
      report.refused.push(outcome)
      // Only what may pass is tried again.
      if (outcome !== 429 && outcome !== 503) throw new Error(`${path} was answered with ${String(outcome)}`)
    }
    await sleep(PAUSE_MS)
  }
  return report
}

type Connection = {
  url: URL
  post?: { body: object; key: string }
  last: string | null
  signal: AbortSignal | undefined
  located: (location: string) => void
  take: (frame: Frame) => boolean
}

/** One connection, to its end: `lost`, a status that is no success, or `done`. */
function connection({ url, post, last, signal, located, take }: Connection): Promise<'lost' | 'done' | number> {
  return new Promise((resolve) => {
    const headers = {
      accept: 'text/event-stream',
      ...(last === null ? {} : { 'last-event-id': last }),
      ...(post === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': post.key }),
    }
    const asked = request(url, {
      method: post === undefined ? 'GET' : 'POST',
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    })
    asked.on('error', () => resolve('lost'))
    asked.on('response', (response) => {
      response.on('error', () => resolve('lost'))
      response.on('close', () => resolve('lost'))
      if (response.statusCode !== 200) {
        response.resume()
        resolve(response.statusCode ?? 0)
        return
      }
      const location = response.headers['content-location']
      if (typeof location === 'string') located(location)
      const decoder = new TextDecoder()
      let text = ''
      response.on('data', (bytes: Buffer) => {
        text += decoder.decode(bytes, { stream: true })
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const frame = parse(text.slice(0, end))
          text = text.slice(end + 2)
          if (!take(frame)) continue
          resolve('done')
          asked.destroy()
          return
        }
      })
    })
    asked.end(post === undefined ? undefined : JSON.stringify(post.body))
  })
}

function parse(block: string): Frame {
  const field = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  const data = field('data')
  return { id: field('id') ?? null, data: data === undefined ? null : JSON.parse(data) }
}

/** What a reader of native run events has on its screen: the text of each message, in order, and the last frame. */
export class Screen {
  readonly #texts = new Map<string, string>()
  readonly ids: string[] = []
  readonly attempts = new Set<number>()
  readonly kinds: string[] = []
  #open = ''
  end: any = null

  /** True once the run has ended. */
  take({ id, data }: Frame): boolean {
    if (id !== null && id !== '') this.ids.push(id)
    this.kinds.push(data.event_type)
    switch (data.event_type) {
      case 'step_start':
        this.#open = data.message_id
        this.attempts.add(data.attempt)
        this.#texts.set(this.#open, '')
        return false
      case 'stream_reset':
        this.#texts.set(this.#open, '')
        return false
      case 'text_delta':
        this.#texts.set(this.#open, (this.#texts.get(this.#open) ?? '') + (data.delta as string))
        return false
      case 'run_finish':
      case 'error':
        this.end = data
        return true
      default:
        return false
    }
  }
  /** Of the message that came last. */
  get text(): string {
    return this.#texts.get(this.#open) ?? ''
  }
}
