import { setTimeout as sleep } from 'node:timers/promises'
import type { Answered } from '../../http/support/client.ts'
import { keyed, type Api } from './api.ts'

/** One request that a client makes until it is settled, always with the same key. */
export type Sending = {
  key: string
  path: string
  body: unknown
  kind: 'submit' | 'queue' | 'decision' | 'interrupt'
  answer: Answered | null
}
export type Worst = { command: number; read: number; foreground: number }

/** Many clients at once, what each was told, and how long it took to tell it. */
export class Clients {
  readonly sent: Sending[] = []
  readonly statuses = new Map<string, number>()
  /** Answers that nobody should ever see. */
  readonly wrong: unknown[] = []
  readonly slow: string[] = []
  readonly worst: Worst = { command: 0, read: 0, foreground: 0 }
  #count = 0
  /** The store is known to be away: not even a run can be begun, so nothing has a reason to take longer. */
  away = false
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** Sends one command once. A refusal for now must say so in the way that lets a client try again. */
  async command(kind: Sending['kind'], path: string, body: unknown): Promise<Sending> {
    const sending: Sending = { kind, key: `key-${String(++this.#count)}`, path, body, answer: null }
    this.sent.push(sending)
    await this.#send(sending)
    return sending
  }

  /** A run on a new thread without a key: nobody looks into the store before the thread does. Cannot be repeated. */
  async stranger(content: string): Promise<void> {
    const began = performance.now()
    const worst = this.away ? 'command' : 'foreground'
    const answer = await this.#api.run(content)
    this.#note('stranger', answer, performance.now() - began, worst)
  }

  async read(path: string): Promise<void> {
    const began = performance.now()
    const answer = await this.#api.call('GET', path)
    this.#note('read', answer, performance.now() - began, 'read')
  }

  /** Sends everything that was refused for now again, until it has an answer of its own. */
  async settle(within: number): Promise<void> {
    const deadline = Date.now() + within
    const settleOne = async (sending: Sending): Promise<void> => {
      while (isOpen(sending) && Date.now() < deadline) {
        await sleep(200)
        await this.#send(sending)
      }
    }
    const open = this.sent.filter(isOpen)
    // A few at a time, as clients would that back off.
    const one = async (): Promise<void> => {
      for (let sending = open.shift(); sending !== undefined; sending = open.shift()) await settleOne(sending)
    }
    await Promise.all(Array.from({ length: 8 }, one))
  }

  async #send(sending: Sending): Promise<void> {
    const began = performance.now()
    // The answer to a run that has begun comes when it ends.
    const worst = sending.kind === 'submit' && !this.away ? 'foreground' : 'command'
    sending.answer = await keyed(this.#api, sending.key, sending.path, sending.body)
    this.#note(sending.kind, sending.answer, performance.now() - began, worst)
  }

  #note(name: string, answer: Answered, ms: number, worst: keyof Worst): void {
    const what = `${name} ${String(answer.status)}`
    this.statuses.set(what, (this.statuses.get(what) ?? 0) + 1)
    this.worst[worst] = Math.max(this.worst[worst], Math.round(ms))
    if (ms > 1_500) this.slow.push(`${what} ${String(Math.round(ms))} ms`)
    const retryAfter = Number(answer.headers.get('retry-after'))
    const fine =
      answer.status < 300 || answer.status === 404 || answer.status === 409 || (answer.status === 503 && retryAfter > 0)
    if (!fine) this.wrong.push({ name, status: answer.status, body: answer.body })
  }
}

function isOpen({ answer }: Sending): boolean {
  return answer === null || answer.status === 503 || answer.status === 0
}
