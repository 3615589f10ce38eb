import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

export type Kind = 'create' | 'submit' | 'queue' | 'steer' | 'edit' | 'retract' | 'decide' | 'interrupt'
export type Reply = { status: number; body: any }

/** One command of a client: what it said, how often it had to say it, and what it was told. */
export type Sent = {
  kind: Kind
  thread_id: string
  method: string
  path: string
  body: unknown
  /** Words that stand in this command's message and nowhere else. */
  token: string | null
  /** Under which id the thread knows it; null for a command that carries none and so is sent only once. */
  key: string | null
  tries: number
  /** Null: no answer came, so nobody knows whether it was applied. */
  reply: Reply | null
  began: number
  ended: number
}

/** Answers that settle a command: done, or refused for good. */
const REFUSED = new Set([404, 409, 410])
const ANSWER_WITHIN_MS = 30_000
/** A stream is read for so long. */
const GLANCE_MS = 200
const GIVE_UP_MS = 180_000

/** Sends as docs/http.md tells clients to: the same request with the same key until it has an answer, at any API process. */
export class Sender {
  readonly sent: Sent[] = []
  readonly statuses = new Map<string, number>()
  /** The longest that one request of each kind has waited for its answer (ms). */
  readonly slowest = new Map<string, number>()
  /** Answers that nobody should ever see. */
  readonly wrong: unknown[] = []
  readonly #urls: readonly string[]
  readonly #random: () => number

  constructor(urls: readonly string[], random: () => number) {
    this.#urls = urls
    this.#random = random
  }

  get settled(): number {
    return this.sent.filter(({ kind, ended }) => kind !== 'create' && ended > 0).length
  }

  /** `once`: without a key, and never again, whatever becomes of it. */
  async send(
    command: Pick<Sent, 'kind' | 'thread_id' | 'method' | 'path' | 'body'> & { token?: string; once?: boolean },
  ): Promise<Sent> {
    const { once = false, token = null, ...rest } = command
    const sent: Sent = { ...rest, token, key: once ? null : randomUUID(), tries: 0, reply: null, began: Date.now(), ended: 0 }
    this.sent.push(sent)
    for (const deadline = Date.now() + GIVE_UP_MS; Date.now() < deadline;) {
      sent.tries += 1
      const { reply, wait_ms } = await this.#try(sent)
      if (reply !== null || once) {
        sent.reply = reply
        break
      }
      await sleep(wait_ms * (0.5 + this.#random()))
    }
    sent.ended = Date.now()
    return sent
  }

  /** Reads until there is an answer; null when the thing is not there. */
  async read(path: string): Promise<any> {
    for (const deadline = Date.now() + GIVE_UP_MS; Date.now() < deadline; await sleep(200)) {
      const answer = await this.#fetch('GET', path, undefined, {})
      if (answer?.status === 200) return answer.body
      if (answer !== null && REFUSED.has(answer.status)) return null
      if (answer?.status === 408) return null
      if (answer !== null && answer.status !== 503) this.wrong.push({ path, status: answer.status, body: answer.body })
    }
    throw new Error(`${path}: no answer`)
  }

  /** Changes what is no command of the thread, until there is an answer; null when it was refused. */
  async change(method: string, path: string, body?: unknown): Promise<any> {
    const key = randomUUID()
    for (const deadline = Date.now() + GIVE_UP_MS; Date.now() < deadline; await sleep(200)) {
      const answer = await this.#fetch(method, path, body, { 'idempotency-key': key })
      if (answer !== null && answer.status < 300) return answer.body
      if (answer !== null && REFUSED.has(answer.status)) return null
      if (answer !== null && answer.status !== 503) this.wrong.push({ path, status: answer.status, body: answer.body })
    }
    throw new Error(`${path}: no answer`)
  }

  /** One request and a short look at the answer, whatever it is; of a stream, at how it begins. Null: cut off. */
  async glance(path: string, headers: Record<string, string> = {}, method = 'GET', body?: unknown): Promise<Reply | null> {
    const isStream = path.endsWith('/stream')
    const accept = isStream ? 'text/event-stream' : 'application/json'
    const answer = await this.#fetch(method, path, body, { accept, ...headers }, isStream ? GLANCE_MS : ANSWER_WITHIN_MS)
    if (answer !== null && answer.status >= 500 && answer.status !== 503)
      this.wrong.push({ path, status: answer.status, body: answer.body })
    return answer
  }

  async #try(sent: Sent): Promise<{ reply: Reply | null; wait_ms: number }> {
    const headers: Record<string, string> = sent.key === null ? {} : { 'idempotency-key': sent.key }
    const began = Date.now()
    const answer = await this.#fetch(sent.method, sent.path, sent.body, headers)
    this.slowest.set(sent.kind, Math.max(this.slowest.get(sent.kind) ?? 0, Date.now() - began))
    const said = `${sent.kind} ${String(answer?.status ?? 'cut off')}`
    this.statuses.set(said, (this.statuses.get(said) ?? 0) + 1)
    if (answer === null) return { reply: null, wait_ms: 200 }
    const { status, body, retry_after } = answer
    if (status < 300 || REFUSED.has(status)) return { reply: { status, body }, wait_ms: 0 }
    if (status !== 503 || !(retry_after > 0)) this.wrong.push({ sent: said, path: sent.path, status, body })
    return { reply: null, wait_ms: (retry_after || 1) * 1_000 }
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    within_ms = ANSWER_WITHIN_MS,
  ): Promise<(Reply & { retry_after: number }) | null> {
    const url = this.#urls[Math.floor(this.#random() * this.#urls.length)] ?? ''
    try {
      const response = await fetch(url + path, {
        method,
        headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(within_ms),
      })
      const text = await response.text()
      const retry_after = Number(response.headers.get('retry-after') ?? 0)
      const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
      return { status: response.status, body: isJson && text !== '' ? JSON.parse(text) : text, retry_after }
    } catch {
      return null
    }
  }
}
