/** What comes in with a workflow task. `error`: `timeout`, `cancelled`, or the message of a failure. */
export type Job =
  | { type: 'signal'; name: string; arg: unknown }
  | { type: 'update'; id: string; name: string; arg: unknown }
  | { type: 'cancel' }
  | { type: 'resolved'; seq: number; value?: unknown; error?: string }

/** What a workflow asks of the server. */
export type WorkflowCommand =
  | { type: 'timer'; seq: number; ms: number }
  | { type: 'cancel-timer' | 'cancel-activity'; seq: number }
  | { type: 'activity' | 'local'; seq: number; name: string; arg: any; options: any }
  | { type: 'answered'; id: string; answer: unknown }
  | { type: 'rejected'; id: string; error: string }
  | { type: 'attributes'; text: string }
  | { type: 'continued'; input: unknown }
  | { type: 'completed' }
  | { type: 'failed'; error: string }

export type Info = { workflowId: string; runId: string; originalExecutionRunId: string; startTime: Date; taskQueue: string }
type Settled = { value?: unknown; error?: Error }

/** One workflow as a worker has it in memory. Thrown away when the worker dies, and made again from the history. */
export class Instance {
  now = 0
  historyLength = 0
  handling = 0
  /** It has completed, failed or handed over. */
  over = false
  root: unknown = undefined
  commands: WorkflowCommand[] = []
  defaultSignal: ((name: string, arg: unknown) => unknown) | null = null
  readonly info: Info
  readonly signals = new Map<string, (arg: unknown) => unknown>()
  readonly updates = new Map<string, { handler: (arg: unknown) => unknown; validator?: (arg: unknown) => void }>()
  readonly queries = new Map<string, () => unknown>()
  readonly early = { signals: [] as Extract<Job, { type: 'signal' }>[], updates: [] as Extract<Job, { type: 'update' }>[] }
  conditions: { holds: () => boolean; resolve: () => void }[] = []
  readonly #waits = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #seq = 0

  constructor(info: Info) {
    this.info = info
  }

  main(result: Promise<unknown>): void {
    result.then(
      () => this.#end({ type: 'completed' }),
      (error: unknown) => this.#end({ type: 'failed', error: String(error) }),
    )
  }

  #end(command: WorkflowCommand): void {
    this.over = true
    this.commands.push(command)
  }

  /** Lets a handler run; an error in it would fail the task on a real server, so it fails the workflow here. */
  handle(work: () => unknown): void {
    this.handling += 1
    void (async () => work())()
      .catch((error: unknown) => this.#end({ type: 'failed', error: String(error) }))
      .finally(() => (this.handling -= 1))
  }

  expect(resolve: (value: unknown) => void, reject: (error: Error) => void): number {
    this.#seq += 1
    this.#waits.set(this.#seq, { resolve, reject })
    return this.#seq
  }
  expects(seq: number): boolean {
    return this.#waits.has(seq)
  }
  settle(seq: number, { value, error }: Settled): void {
    const wait = this.#waits.get(seq)
    this.#waits.delete(seq)
    if (error === undefined) wait?.resolve(value)
    else wait?.reject(error)
  }

  /** Resolves the conditions that hold by now; how many. */
  unblock(): number {
    let count = 0
    for (let found = true; found;) {
      found = false
      for (const condition of this.conditions.slice()) {
        if (!condition.holds()) continue
        this.conditions = this.conditions.filter((other) => other !== condition)
        condition.resolve()
        found = true
        count += 1
      }
    }
    return count
  }

  takeCommands(): WorkflowCommand[] {
    return this.commands.splice(0)
  }
}
