import { AsyncLocalStorage } from 'node:async_hooks'
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState, TimeoutFailure } from '@temporalio/common'
import type { Instance, Job } from './instance.ts'

/**
 * As much of `@temporalio/workflow` as the workflows use, without a server and a sandbox: whoever drives an Instance
 * says what time it is and what comes in, and gets the commands. Tests put it in the place of the real module.
 */
export { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure }
export const ActivityCancellationType = { WAIT_CANCELLATION_COMPLETED: 'WAIT_CANCELLATION_COMPLETED' }
export const ParentClosePolicy = { ABANDON: 'ABANDON' }

type Frame = { scope: CancellationScope; update?: { id: string } }
const frames = new AsyncLocalStorage<Frame>()
let current: Instance | null = null

function here(): Instance {
  if (current === null) throw new Error('no workflow is running')
  return current
}

/** Runs one activation: the jobs in their order, and all that follows from them until everything waits. */
export async function activate(instance: Instance, start: (() => Promise<unknown>) | null, jobs: readonly Job[]): Promise<void> {
  const clock = Date.now
  current = instance
  Date.now = () => instance.now
  try {
    const root = (instance.root ??= new CancellationScope({ cancellable: true })) as CancellationScope
    frames.run({ scope: root }, () => {
      for (const job of jobs) {
        if (job.type === 'signal') dispatchSignal(instance, job)
        else if (job.type === 'update') dispatchUpdate(instance, job)
        else if (job.type === 'cancel') root.cancel()
        else instance.settle(job.seq, job.error === undefined ? { value: job.value } : { error: failure(job.error) })
        instance.unblock()
      }
      if (start !== null) instance.main(start())
      instance.unblock()
    })
    do await new Promise((resolve) => setImmediate(resolve))
    while (instance.unblock() > 0)
  } finally {
    Date.now = clock
    current = null
  }
}

function failure(error: string): Error {
  if (error === 'cancelled') return new CancelledFailure('cancelled')
  const cause =
    error === 'timeout' ? new TimeoutFailure('heartbeat', undefined, 'HEARTBEAT') : ApplicationFailure.create({ message: error })
  return new ActivityFailure('it failed', 'activity', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'worker', cause)
}

function dispatchSignal(instance: Instance, job: Extract<Job, { type: 'signal' }>): void {
  const handler = instance.signals.get(job.name)
  if (handler !== undefined) instance.handle(() => handler(job.arg))
  else if (instance.defaultSignal !== null) {
    const { defaultSignal } = instance
    instance.handle(() => defaultSignal(job.name, job.arg))
  } else instance.early.signals.push(job)
}

function dispatchUpdate(instance: Instance, job: Extract<Job, { type: 'update' }>): void {
  const known = instance.updates.get(job.name)
  if (known === undefined) {
    instance.early.updates.push(job)
    return
  }
  try {
    known.validator?.(job.arg)
  } catch (error) {
    instance.commands.push({ type: 'rejected', id: job.id, error: (error as Error).message })
    return
  }
  const scope = instance.root as CancellationScope
  instance.handle(() =>
    frames.run({ scope, update: { id: job.id } }, async () => {
      const answer = await known.handler(job.arg)
      instance.commands.push({ type: 'answered', id: job.id, answer })
    }),
  )
}

export class CancellationScope {
  readonly cancelRequested: Promise<never>
  readonly #stops = new Set<() => void>()
  readonly #cancellable: boolean
  #cancelled = false
  #reject: (error: Error) => void = () => undefined

  constructor({ cancellable }: { cancellable: boolean }) {
    this.#cancellable = cancellable
    this.cancelRequested = new Promise<never>((_, reject) => (this.#reject = reject))
    this.cancelRequested.catch(() => undefined)
  }
  static current(): CancellationScope {
    return frames.getStore()?.scope ?? (here().root as CancellationScope)
  }
  static nonCancellable<T>(work: () => Promise<T>): Promise<T> {
    return new CancellationScope({ cancellable: false }).run(work)
  }
  get consideredCancelled(): boolean {
    return this.#cancelled && this.#cancellable
  }
  run<T>(work: () => Promise<T>): Promise<T> {
    return frames.run({ ...frames.getStore(), scope: this }, work)
  }
  cancel(): void {
    if (this.#cancelled) return
    this.#cancelled = true
    this.#reject(new CancelledFailure('cancelled'))
    if (this.#cancellable) for (const stop of this.#stops) stop()
  }
  /** Called once when the scope is cancelled, unless it is let go before. */
  onCancel(stop: () => void): () => void {
    this.#stops.add(stop)
    return () => void this.#stops.delete(stop)
  }
}

/** One thing that the server is asked for, until it has its result; a cancel sends a command, and may end the wait. */
function ask<T>(command: (seq: number) => object, cancel: 'cancel-timer' | 'cancel-activity' | null): Promise<T> {
  const instance = here()
  const scope = CancellationScope.current()
  if (scope.consideredCancelled) return Promise.reject(new CancelledFailure('cancelled'))
  return new Promise<T>((resolve, reject) => {
    const seq = instance.expect(resolve as (value: unknown) => void, reject)
    instance.commands.push(command(seq) as never)
    if (cancel === null) return
    scope.onCancel(() => {
      if (!instance.expects(seq)) return
      instance.commands.push({ type: cancel, seq })
      if (cancel === 'cancel-timer') instance.settle(seq, { error: new CancelledFailure('cancelled') })
    })
  })
}

export function sleep(time: number | string): Promise<void> {
  return ask((seq) => ({ type: 'timer', seq, ms: msOf(time) }), 'cancel-timer')
}

export async function condition(holds: () => boolean, timeout?: number): Promise<boolean> {
  const instance = here()
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      if (holds()) resolve()
      else instance.conditions.push({ holds, resolve })
    })
  if (timeout === undefined) return wait().then(() => true)
  const scope = new CancellationScope({ cancellable: true })
  return scope.run(() =>
    Promise.race([sleep(timeout).then(() => false), wait().then(() => true)]).finally(() => {
      scope.cancel()
    }),
  )
}

function proxy(type: 'activity' | 'local', options: object): any {
  return new Proxy(
    {},
    {
      get: (_target, name: string) => (arg: unknown) =>
        ask((seq) => ({ type, seq, name, arg: copy(arg), options }), type === 'local' ? null : 'cancel-activity'),
    },
  )
}
export const proxyActivities = (options: object): any => proxy('activity', options)
export const proxyLocalActivities = (options: object): any => proxy('local', options)

export function setHandler(definition: { type: string; name: string }, handler: any, options: any = {}): void {
  const instance = here()
  const { name } = definition
  if (definition.type === 'query') instance.queries.set(name, handler)
  if (definition.type === 'signal') instance.signals.set(name, handler)
  if (definition.type !== 'update') return
  instance.updates.set(name, { handler, validator: options.validator })
  for (const job of instance.early.updates.splice(0)) dispatchUpdate(instance, job)
}
export function setDefaultSignalHandler(handler: any): void {
  const instance = here()
  instance.defaultSignal = handler
  for (const job of instance.early.signals.splice(0)) dispatchSignal(instance, job)
}
export const defineSignal = (name: string) => ({ type: 'signal', name })
export const defineUpdate = (name: string) => ({ type: 'update', name })
export const defineQuery = (name: string) => ({ type: 'query', name })
export const allHandlersFinished = (): boolean => here().handling === 0
export const workflowInfo = () => ({
  ...here().info,
  historyLength: here().historyLength,
  continueAsNewSuggested: false,
  typedSearchAttributes: { get: () => undefined },
  unsafe: { isReplaying: false },
})
export const currentUpdateInfo = (): { id: string } | undefined => frames.getStore()?.update
export const setCurrentDetails = (): void => undefined
export function upsertSearchAttributes(attributes: unknown): void {
  here().commands.push({ type: 'attributes', text: JSON.stringify(attributes) })
}
export const isCancellation = (error: unknown): boolean =>
  error instanceof CancelledFailure || (error instanceof ActivityFailure && error.cause instanceof CancelledFailure)
export function continueAsNew(input: unknown): Promise<never> {
  here().commands.push({ type: 'continued', input: copy(input) })
  here().over = true
  return new Promise<never>(() => undefined)
}
export const startChild = (): Promise<never> => Promise.reject(new Error('no children here'))

function copy<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T)
}

function msOf(time: number | string): number {
  if (typeof time === 'number') return time
  const [, count = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h)$/.exec(time) ?? []
  return Number(count) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit as 'ms']
}

/** Asked only after a reset, of which there are none here. */
export const patched = () => true
export const makeContinueAsNewFunc = () => continueAsNew
