import type { Random } from '../../thread/model/random.ts'
import type { Agenda } from './agenda.ts'
import { activate } from './fake-workflow.ts'
import { Instance, type Info, type Job, type WorkflowCommand } from './instance.ts'

/** What a worker does for a workflow. Called when its effect happens; throws what the workflow is told as a failure. */
export type Work = { name: string; arg: any; options: any; cancelled: boolean }
export type Ports = {
  /** How long it takes (ms), and what comes of it; a cancel may make it sooner. */
  begin(work: Work, local: boolean): { ms: number; finish: () => { value: unknown } | { error: string } }
  answered(update_id: string, answer: unknown): void
  rejected(update_id: string, error: string): void
}
type Activation = { now: number; length: number; jobs: Job[]; commands: string }
type Activity = { work: Work; seq: number; lives: { on: boolean }; end: (result: { value: unknown } | { error: string }) => void }

/** One execution: its history as activations that were completed, and what waits to be told to it. */
class Execution {
  readonly history: Activation[] = []
  buffer: Job[] = []
  length = 1
  open = true
  busy = false
  /** Its worker has died in the middle of a task, and the server does not know yet. */
  lost = false
  writing = false
  /** Changes when a task is lost: what belonged to it finds no taker. */
  task = 0
  instance: Instance | null = null
  readonly timers = new Set<number>()
  readonly activities = new Map<number, Activity>()
  readonly info: Info
  readonly input: unknown

  constructor(info: Info, input: unknown) {
    this.info = info
    this.input = input
  }
}

const TASK_TIMEOUT_MS = 4_000

/** The engine as threads see it: tasks that may be lost, timers, activities and local activities, hand-overs. */
export class Server {
  execution: Execution | null = null
  readonly all: Execution[] = []
  /** What the task that is under way was told. */
  readonly #inTask = new Map<Execution, Job[]>()
  readonly #workflow: (input: never) => Promise<unknown>
  readonly #agenda: Agenda
  readonly #r: Random
  readonly #ports: Ports
  readonly #say: (text: string) => void

  constructor(
    workflow: (input: never) => Promise<unknown>,
    agenda: Agenda,
    r: Random,
    ports: Ports,
    say: (text: string) => void,
  ) {
    this.#workflow = workflow
    this.#agenda = agenda
    this.#r = r
    this.#ports = ports
    this.#say = say
  }

  /** Gives a job to the open execution, or starts one where there is none. */
  deliver(job: Job): void {
    const execution = this.execution?.open === true ? this.execution : this.#begin(undefined)
    execution.buffer.push(job)
    this.#plan(execution)
  }

  /** The worker dies: what it had in memory is gone, its task and its activities are given out again or up. */
  crash(): void {
    const { execution } = this
    if (execution?.open !== true) return
    this.#say('the worker dies')
    execution.instance = null
    if (execution.busy && !execution.lost) this.#loseTask(execution)
    for (const [seq, activity] of execution.activities) this.#loseActivity(execution, seq, activity)
  }

  /** The operator ends the workflow; the thread is not asked. */
  terminate(): void {
    const { execution } = this
    if (execution?.open !== true) return
    this.#say('terminated')
    this.#close(execution)
  }

  /** Every execution made again from its history must ask for the same. */
  async replayAll(): Promise<void> {
    for (const execution of this.all) await this.#replay(execution)
  }

  query(name: string): unknown {
    const { execution } = this
    if (execution?.busy !== false || execution.buffer.length > 0) return undefined
    return execution.instance?.queries.get(name)?.()
  }

  #begin(input: unknown): Execution {
    const runId = `execution-${String(this.all.length + 1)}`
    const startTime = new Date(this.#agenda.now)
    const info = { workflowId: 'default/t1', runId, originalExecutionRunId: runId, startTime, taskQueue: 'weft' }
    const execution = new Execution(info, input)
    this.execution = execution
    this.all.push(execution)
    this.#say(`${runId} begins`)
    this.#plan(execution)
    return execution
  }

  #plan(execution: Execution): void {
    this.#agenda.in(0, () => this.#task(execution))
  }

  async #task(execution: Execution): Promise<void> {
    const first = execution.history.length === 0
    if (!execution.open || execution.busy || (execution.buffer.length === 0 && !first)) return
    execution.busy = true
    execution.writing = false
    execution.task += 1
    const { task } = execution
    const jobs = execution.buffer.splice(0)
    this.#inTask.set(execution, jobs)
    // What people send comes before what activities and timers bring.
    const sent = jobs.filter(({ type }) => type !== 'resolved')
    const sorted = [...sent, ...jobs.filter(({ type }) => type === 'resolved')]
    execution.length += 2 + jobs.length
    execution.instance ??= await this.#replay(execution)
    const records: Activation[] = []
    const commands: WorkflowCommand[] = []
    const step = async (given: Job[]): Promise<void> => {
      const { instance } = execution
      if (instance === null) throw new Error('the task has no workflow')
      const made = await this.#run(
        execution,
        instance,
        { now: this.#agenda.now, length: execution.length, jobs: given },
        records.length === 0 && first,
      )
      records.push({ now: this.#agenda.now, length: execution.length, jobs: given, commands: JSON.stringify(made) })
      commands.push(...made)
      for (const command of made)
        if (command.type === 'local')
          this.#local(execution, task, command, (job) => (open.delete(command.seq), step([job])), open)
      if (open.size === 0) this.#complete(execution, jobs, records, commands)
    }
    const open = new Set<number>()
    await step(sorted)
  }

  #local(
    execution: Execution,
    task: number,
    { seq, name, arg, options }: Extract<WorkflowCommand, { type: 'activity' | 'local' }>,
    resolve: (job: Job) => Promise<void>,
    open: Set<number>,
  ): void {
    open.add(seq)
    execution.writing ||= name === 'persist'
    const { ms, finish } = this.#ports.begin({ name, arg, options, cancelled: false }, true)
    this.#agenda.in(ms, () => {
      // It has its effect also when the task is lost meanwhile.
      const result = finish()
      this.#agenda.in(this.#r.below(3), async () => {
        if (execution.task !== task || !execution.busy) return
        await resolve({ type: 'resolved', seq, ...result })
      })
    })
  }

  #complete(execution: Execution, jobs: Job[], records: Activation[], commands: WorkflowCommand[]): void {
    const last = commands.find(({ type }) => type === 'completed' || type === 'continued' || type === 'failed')
    if (last !== undefined && execution.buffer.length > 0) {
      this.#say('the task that ends it is refused')
      execution.instance = null
      execution.length += 1
      execution.buffer.unshift(...jobs)
      execution.busy = false
      this.#plan(execution)
      return
    }
    execution.busy = false
    execution.history.push(...records)
    execution.length += 1 + commands.length
    for (const command of commands) this.#carryOut(execution, command)
    if (execution.open) this.#plan(execution)
  }

  #carryOut(execution: Execution, command: WorkflowCommand): void {
    switch (command.type) {
      case 'timer':
        execution.timers.add(command.seq)
        this.#say(`timer ${String(command.seq)} for ${String(command.ms)}`)
        this.#agenda.in(command.ms, () => {
          if (!execution.timers.delete(command.seq)) return
          execution.buffer.push({ type: 'resolved', seq: command.seq })
          this.#plan(execution)
        })
        return
      case 'cancel-timer':
        execution.timers.delete(command.seq)
        execution.buffer = execution.buffer.filter((job) => job.type !== 'resolved' || job.seq !== command.seq)
        return
      case 'activity':
        this.#activity(execution, command)
        return
      case 'cancel-activity': {
        const activity = execution.activities.get(command.seq)
        if (activity !== undefined) this.#cancel(activity)
        return
      }
      case 'answered':
        this.#ports.answered(command.id, command.answer)
        return
      case 'rejected':
        this.#ports.rejected(command.id, command.error)
        return
      case 'continued':
        this.#close(execution)
        this.#begin(command.input)
        return
      case 'failed':
        throw new Error(`the workflow failed: ${command.error}`)
      case 'completed':
        this.#say('completed')
        this.#close(execution)
        return
      case 'local':
      case 'attributes':
    }
  }

  #activity(execution: Execution, { seq, name, arg, options }: Extract<WorkflowCommand, { type: 'activity' | 'local' }>): void {
    const once = options.retry?.maximumAttempts === 1
    const end = (result: { value: unknown } | { error: string }): void => {
      if (execution.activities.get(seq) === undefined) return
      if ('error' in result && !once) {
        this.#agenda.in(500 + this.#r.below(1_000), () => this.#attempt(execution, seq))
        return
      }
      execution.activities.delete(seq)
      execution.buffer.push({ type: 'resolved', seq, ...result })
      this.#plan(execution)
    }
    execution.activities.set(seq, { work: { name, arg, options, cancelled: false }, seq, lives: { on: true }, end })
    this.#attempt(execution, seq)
  }

  #attempt(execution: Execution, seq: number): void {
    const activity = execution.activities.get(seq)
    if (activity === undefined || !execution.open) return
    activity.lives = { on: true }
    const { lives } = activity
    const { ms, finish } = this.#ports.begin(activity.work, false)
    this.#agenda.in(ms, () => {
      // A worker that was given up still does what it does, and nobody listens.
      const result = finish()
      if (lives.on && execution.open) activity.end(result)
    })
  }

  /** It is told so with its next heartbeat, and ends soon, or later, or only when it would have anyway. */
  #cancel(activity: Activity): void {
    activity.work.cancelled = true
    if (this.#r.chance(15)) return
    const { lives } = activity
    const { finish } = this.#ports.begin(activity.work, false)
    this.#agenda.in(this.#r.below(800), () => {
      if (!lives.on) return
      lives.on = false
      activity.end(finish())
    })
  }

  #loseActivity(execution: Execution, seq: number, activity: Activity): void {
    activity.lives.on = false
    const once = activity.work.options.retry?.maximumAttempts === 1
    this.#agenda.in(once ? 3_000 : 5_000, () => {
      if (execution.activities.get(seq) !== activity || !execution.open) return
      if (!once) this.#attempt(execution, seq)
      else activity.end({ error: activity.work.cancelled ? 'cancelled' : 'timeout' })
    })
  }

  #loseTask(execution: Execution): void {
    execution.task += 1
    execution.lost = true
    const lost = this.#inTask.get(execution) ?? []
    this.#agenda.in(TASK_TIMEOUT_MS, () => {
      execution.lost = false
      if (!execution.open) return
      execution.buffer.unshift(...lost)
      execution.busy = false
      this.#plan(execution)
    })
  }

  #close(execution: Execution): void {
    execution.open = false
    execution.busy = false
    execution.task += 1
    execution.instance = null
  }

  async #replay(execution: Execution): Promise<Instance> {
    const instance = new Instance(execution.info)
    for (const [index, { commands, ...activation }] of execution.history.entries()) {
      const made = JSON.stringify(await this.#run(execution, instance, activation, index === 0))
      if (made !== commands) throw new Error(`a replay asks for ${made}, the history has ${commands}`)
    }
    return instance
  }

  async #run(execution: Execution, instance: Instance, { now, length, jobs }: Omit<Activation, 'commands'>, first: boolean) {
    instance.now = now
    instance.historyLength = length
    await activate(instance, first ? () => this.#workflow(execution.input as never) : null, jobs)
    return instance.takeCommands()
  }
}
