import { setTimeout as sleep } from 'node:timers/promises'
import type { Started } from '../../support/program.ts'

/**
 * One place in a deployment where a process is kept running, as an orchestrator does: what ends is started again, also
 * what ends by itself because something that it needs is away just then.
 */
export class Slot {
  readonly name: string
  /** Ends that nobody here has asked for, with what the process said last. */
  readonly unasked: string[] = []
  /** What all its processes have said. */
  readonly said: string[] = []
  readonly #start: () => Started
  #current: Started | null = null
  #healthy: Promise<void> = Promise.resolve()
  #up = false
  #asked = false
  #closing = false

  constructor(name: string, start: () => Started) {
    this.name = name
    this.#start = start
    this.#launch()
  }

  /** Of the process of now, if there is one. */
  get pid(): number | undefined {
    return this.#current?.child.pid
  }

  get up(): boolean {
    return this.#up
  }

  /** Resolves once the process of now, or its successor, is of use. */
  whenUp(): Promise<void> {
    return this.#healthy
  }

  /** kill -9; the next process is started at once. The end as the parent saw it. */
  async kill(): Promise<NodeJS.Signals | null> {
    const dying = this.#current
    if (dying === null) return null
    this.#asked = true
    dying.child.kill('SIGKILL')
    return (await dying.ended).signal
  }

  /** SIGTERM; the next process is started once this one is gone. Resolves with its end, when the next is of use. */
  async restart(): Promise<{ code: number | null; signal: NodeJS.Signals | null; took_ms: number }> {
    const leaving = this.#current
    if (leaving === null) throw new Error(`${this.name} is not there`)
    this.#asked = true
    const began = performance.now()
    leaving.child.kill('SIGTERM')
    const { code, signal } = await leaving.ended
    const took_ms = Math.round(performance.now() - began)
    while (this.#current === leaving) await sleep(5)
    await this.#healthy
    return { code, signal, took_ms }
  }

  async close(): Promise<void> {
    this.#closing = true
    const last = this.#current
    last?.child.kill('SIGTERM')
    await last?.ended
  }

  #launch(): void {
    const started = this.#start()
    this.#current = started
    this.#asked = false
    this.#healthy = started.facts.then(
      () => {
        this.#up = true
      },
      // It could not start; the next one can.
      () => this.#next(),
    )
    void started.ended.then(async ({ code, signal, stderr }) => {
      this.#up = false
      if (stderr !== '') this.said.push(stderr)
      if (this.#closing) return
      if (!this.#asked) {
        this.unasked.push(`${this.name}: ${signal ?? `exit code ${String(code)}`}: ${stderr.slice(-300)}`)
        await sleep(500)
      }
      this.#resume()
    })
  }

  #resume = (): void => {
    if (!this.#closing) this.#launch()
  }

  async #next(): Promise<void> {
    const failed = this.#current
    while (this.#current === failed && !this.#closing) await sleep(50)
    if (!this.#closing) await this.#healthy
  }
}
