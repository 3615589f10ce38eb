import type { Sender, Sent } from './sender.ts'

/** What a client does with its thread, in pieces of one to three commands. Reads are not counted. */
type Piece = { commands: number; live(life: Life): Promise<unknown> }

const SLOW = `/slow 1500\n${Array.from({ length: 12 }, (_, index) => `word${String(index)}`).join(' ')}`
const APPROVAL = '/tool send_email {"to":"a@example.org","subject":"s"}'
/** One in so many submits is sent once, without a key, and not again. */
const ONCE_IN = 12

const PIECES: Record<string, Piece> = {
  talk: { commands: 1, live: (life) => life.submit('hello') },
  tool: { commands: 1, live: (life) => life.submit('/tool get_weather {"city":"Oslo"}') },
  queue: { commands: 1, live: (life) => life.queue('more') },
  steer: { commands: 2, live: (life) => life.steer() },
  editing: { commands: 3, live: (life) => life.edit() },
  approval: { commands: 2, live: (life) => life.approve() },
  interruption: { commands: 2, live: (life) => life.interrupt() },
  retraction: { commands: 3, live: (life) => life.retract() },
}

/** One thread under the load of one client: so many commands, in pieces that the random numbers pick. */
export class Life {
  readonly thread_id: string
  readonly #sender: Sender
  readonly #random: () => number
  #count = 0

  constructor(thread_id: string, sender: Sender, random: () => number) {
    this.thread_id = thread_id
    this.#sender = sender
    this.#random = random
  }

  async live(commands: number): Promise<void> {
    await this.#send('create', 'POST', '/v1/threads', { id: this.thread_id })
    for (let left = commands; left > 0;) {
      const fitting = Object.values(PIECES).filter((piece) => piece.commands <= left)
      const piece = fitting[Math.floor(this.#random() * fitting.length)]
      if (piece === undefined) return
      await piece.live(this)
      left -= piece.commands
    }
  }

  async submit(text: string): Promise<void> {
    const { token, messages } = this.#message(text)
    const once = this.#random() < 1 / ONCE_IN
    await this.#send('submit', 'POST', '/v1/runs', { agent_id: 'default', thread_id: this.thread_id, messages }, { token, once })
  }

  async queue(text: string, more: { id?: string; mode?: string } = {}): Promise<Sent> {
    const { mode, ...rest } = more
    const { token, messages } = this.#message(text, rest)
    const body = mode === undefined ? { messages } : { messages, mode }
    return this.#send(mode === 'steer' ? 'steer' : 'queue', 'POST', `${this.#path}/messages`, body, { token })
  }

  async steer(): Promise<void> {
    await this.queue(SLOW)
    await this.queue('and this', { mode: 'steer' })
  }

  async edit(): Promise<void> {
    const id = await this.#behindSomething()
    const { token, messages } = this.#message('reworded')
    await this.#send(
      'edit',
      'PATCH',
      `${this.#path}/pending/${id}`,
      { content: messages[0]?.content, expected_revision: 1 },
      { token },
    )
  }

  async retract(): Promise<void> {
    const id = await this.#behindSomething()
    await this.#send('retract', 'DELETE', `${this.#path}/pending/${id}?expected_revision=1`, undefined)
  }

  async approve(): Promise<void> {
    const { token, messages } = this.#message(APPROVAL)
    const sent = await this.#send(
      'submit',
      'POST',
      '/v1/runs',
      { agent_id: 'default', thread_id: this.thread_id, messages },
      { token },
    )
    const tool_call_id = sent.reply?.body?.waiting?.tickets?.[0]?.tool_call_id ?? 'none'
    await this.#send('decide', 'POST', `${this.#path}/decision`, { tool_call_id, action: 'resume' })
  }

  async interrupt(): Promise<void> {
    await this.queue(SLOW)
    const queue = this.#random() < 0.5 ? 'keep' : 'supersede'
    await this.#send('interrupt', 'POST', `${this.#path}/interrupt`, { queue })
  }

  get #path(): string {
    return `/v1/threads/${this.thread_id}`
  }

  /** A message that stands in the queue, unless the run before it is over already. */
  async #behindSomething(): Promise<string> {
    await this.queue(SLOW)
    const id = `${this.thread_id}-m${String(this.#count)}`
    await this.queue('later', { id })
    return id
  }

  #message(text: string, more: { id?: string } = {}): { token: string; messages: { role: string; content: string }[] } {
    const token = `«${this.thread_id}:${String(++this.#count)}»`
    return { token, messages: [{ role: 'user', content: `${text}\n${token}`, ...more }] }
  }

  #send(
    kind: Sent['kind'],
    method: string,
    path: string,
    body: unknown,
    more: { token?: string; once?: boolean } = {},
  ): Promise<Sent> {
    return this.#sender.send({ kind, thread_id: this.thread_id, method, path, body, ...more })
  }
}
