import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { LogEvent } from '../../../src/thread/envelope.ts'
import { createClient, type Answered, type Client, type Stream } from '../../http/support/client.ts'
import { checkService, shownLog } from '../../support/check-everywhere.ts'
import { eventually } from '../../support/engine.ts'
import { createPlace, temporalPid, type Facts, type Started } from '../../support/program.ts'

/** The whole program in a process of its own, on one directory that outlives it, and a client that sees only HTTP. */
export class Weft {
  readonly #place = createPlace()
  readonly #env: Record<string, string>
  readonly #checked = new Map<string, number>()
  #process: Started | null = null
  #facts: Facts | null = null
  #client: Client | null = null

  constructor(env: Record<string, string> = {}) {
    this.#env = { LOG_LEVEL: 'warn', ...env }
  }

  get dir(): string {
    return this.#place.dir
  }
  get client(): Client {
    if (this.#client === null) throw new Error('the program is not running')
    return this.#client
  }
  /** Where its API listens. */
  get api(): string {
    if (this.#facts === null) throw new Error('the program is not running')
    return this.#facts.api
  }
  /** Where its Temporal server listens. */
  get temporal(): string {
    if (this.#facts === null) throw new Error('the program is not running')
    return this.#facts.temporal
  }

  /** Writes a file into the directory; a `weft.config.ts` takes the place of the project's. */
  write(name: string, text: string): string {
    const path = join(this.dir, name)
    writeFileSync(path, text)
    if (name === 'weft.config.ts') this.#env['WEFT_CONFIG'] = path
    return path
  }

  /** Starts the program; `env` stays for later starts. */
  async start(env: Record<string, string> = {}): Promise<void> {
    Object.assign(this.#env, env)
    this.#process = this.#place.start(this.#env)
    this.#facts = await this.#process.facts
    this.#client = createClient(this.#facts.api)
  }

  /** Ends it as an operator would, whatever goes on; gives what it has written to its log. */
  async stop(): Promise<string> {
    this.#process?.child.kill('SIGTERM')
    const ended = await this.#process?.ended
    this.#process = null
    if (ended !== undefined && ended.code !== 0) throw new Error(`it ended with ${String(ended.code)}: ${ended.stderr}`)
    return ended?.stderr ?? ''
  }

  async restart(env: Record<string, string> = {}): Promise<void> {
    await this.stop()
    await this.start(env)
  }

  /** Ends it without a warning; with `everything` its Temporal server too. */
  async kill({ everything = false } = {}): Promise<void> {
    if (everything) process.kill(temporalPid(this.#place.dataDir), 'SIGKILL')
    this.#process?.child.kill('SIGKILL')
    await this.#process?.ended
    this.#process = null
  }

  /** For `afterAll`: no process and no file stays. */
  close(): void {
    this.#place.clean()
  }

  /** Runs the `temporal` program that the JSON line names. */
  async cli(...args: string[]): Promise<string> {
    const cli = this.#facts?.temporal_cli ?? ''
    const { stdout } = await promisify(execFile)(cli, [...args, '--address', this.temporal], { timeout: 20_000 })
    return stdout
  }

  /** A foreground run as a stream. */
  run(thread_id: string, content: string, more: object = {}, headers: Record<string, string> = {}): Promise<Stream> {
    return this.client.stream('POST', '/v1/runs', submit(thread_id, content, more), headers)
  }

  /** A foreground run as a record, once it has ended or waits. */
  ask(thread_id: string, content: string, more: object = {}, headers: Record<string, string> = {}): Promise<Answered> {
    return this.client.call('POST', '/v1/runs', submit(thread_id, content, more), headers)
  }

  /** Queues a message on a thread that is there; its run's id. */
  async queue(thread_id: string, content: string): Promise<string> {
    const body = { messages: [{ role: 'user', content }] }
    const answer = await this.client.call('POST', `/v1/threads/${thread_id}/messages`, body)
    expect(answer).toMatchObject({ status: 202 })
    return answer.body.run_id
  }

  /** The run's record once it is as asked: by default, once it has ended. */
  record(run_id: string, until: (run: any) => boolean = ({ status }) => status === 'done', within = 40_000): Promise<any> {
    return eventually(async () => {
      const { status, body } = await this.client.call('GET', `/v1/runs/${run_id}`)
      return status === 200 && until(body) ? body : undefined
    }, within)
  }

  log(thread_id: string): Promise<LogEvent[]> {
    return shownLog(this.client, thread_id)
  }

  async messages(thread_id: string): Promise<any[]> {
    const all: any[] = []
    for (;;) {
      const { body } = await this.client.call('GET', `/v1/threads/${thread_id}/messages?limit=200&offset=${String(all.length)}`)
      all.push(...body.messages)
      if (!body.has_more) return all
    }
  }

  /** For `afterEach`: the log of every thread that has changed since the last look is in order. */
  checkLogs(): Promise<void> {
    return checkService(this.client, this.#checked)
  }
}

export function submit(thread_id: string, content: string, more: object = {}): object {
  return { agent_id: 'default', thread_id, messages: [{ role: 'user', content }], ...more }
}

/** Thread ids that no other test of the file uses. */
export function names(prefix: string): () => string {
  let count = 0
  return () => `${prefix}-${String(++count)}`
}

export const isText = ({ event_type }: { event_type: string }): boolean => event_type === 'text_delta'
export const textOf = (frames: any[]): string => frames.flatMap((data) => (isText(data) ? [data.delta] : [])).join('')
export const kindsOf = (events: LogEvent[]): string[] => events.map(({ kind }) => kind)
