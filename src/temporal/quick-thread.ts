import { fileURLToPath } from 'node:url'
import workerThreads, { Worker } from 'node:worker_threads'
import type { Request, Response } from './thread-messages.ts'

const SDK_THREAD = /[/\\]@temporalio[/\\]worker[/\\]lib[/\\]workflow[/\\]workflow-worker-thread\.js$/
const GUARDED = fileURLToPath(new URL('guarded-thread.ts', import.meta.url))

/**
 * The SDK's thread of workflow code, with less of what each activation costs; nothing of it is seen by workflow code:
 *
 * - One watchdog guards the calls of an activation against an endless loop, where the SDK begins and ends a system thread
 *   for each of some thirty calls a run, about a tenth of what a run takes.
 * - A thread that is created is not waited for before it is activated: messages are taken in order.
 * - What workflow code has logged is not fetched where the thread says that there is nothing: the SDK gives an activation's
 *   result to the engine only after it has asked.
 */
class QuickWorker extends Worker {
  /** Creations that were answered here, and of which execution: the thread's own answer is for nobody. */
  readonly #creations = new Map<bigint, string>()
  /** Why an execution could not be created, until its first activation hears of it. */
  readonly #failed = new Map<string, Response['result']>()
  readonly #activations = new Map<bigint, string>()
  /** Executions whose last activation logged nothing. */
  readonly #quiet = new Set<string>()

  constructor(file: string | URL, options: workerThreads.WorkerOptions = {}) {
    super(GUARDED, { ...options, argv: [String(file)] })
  }

  override postMessage(message: unknown, transfer?: never): void {
    const { requestId, input } = message as Request
    if (input.type === 'extract-sink-calls' && this.#quiet.delete(input.runId)) {
      this.#answer(requestId, { type: 'sink-calls', calls: [] })
      return
    }
    if (input.type === 'create-workflow') {
      this.#creations.set(requestId, input.options.info.runId)
      this.#answer(requestId, undefined)
    }
    if (input.type === 'activate-workflow') {
      this.#quiet.delete(input.runId)
      this.#activations.set(requestId, input.runId)
    }
    super.postMessage(message, transfer)
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'message') return super.emit(event, ...args)
    const response = args[0] as Response
    const { requestId, result, quiet } = response
    const created = this.#creations.get(requestId)
    if (created !== undefined) {
      this.#creations.delete(requestId)
      if (result.type === 'error') this.#failed.set(created, result)
      return true
    }
    const runId = this.#activations.get(requestId)
    if (runId === undefined) return super.emit(event, response)
    this.#activations.delete(requestId)
    const failed = this.#failed.get(runId)
    this.#failed.delete(runId)
    // What was never there has logged nothing either, and to ask it would hide why.
    if (quiet === true || failed !== undefined) this.#quiet.add(runId)
    return super.emit(event, { requestId, result: failed ?? result })
  }

  /** The SDK begins to listen for an answer once it has posted the request. */
  #answer(requestId: bigint, output: unknown): void {
    queueMicrotask(() => super.emit('message', { requestId, result: { type: 'ok', output } }))
  }
}

/** Has the SDK run workflow code in quick threads. To be called before a worker is created; other threads stay what they are. */
export function useQuickThreads(): void {
  if (workerThreads.Worker !== Worker) return
  workerThreads.Worker = new Proxy(Worker, {
    construct: (target, [file, options]: ConstructorParameters<typeof Worker>, wanted) =>
      SDK_THREAD.test(String(file))
        ? new QuickWorker(file, options)
        : (Reflect.construct(target, [file, options], wanted) as Worker),
  })
}
