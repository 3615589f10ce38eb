import { fileURLToPath } from 'node:url'
import workerThreads from 'node:worker_threads'
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
 *
 * To be called before a worker is created; what creates other threads is not touched.
 */
export function useQuickThreads(): void {
  const { Worker } = workerThreads
  if (Worker.name === 'QuickWorker') return
  class QuickWorker extends Worker {
    readonly #sdk: boolean
    /** Creations that were answered here, and of which execution: the thread's own answer is for nobody. */
    readonly #creations = new Map<bigint, string>()
    /** Why an execution could not be created, until its first activation hears of it. */
    readonly #failed = new Map<string, Response['result']>()
    readonly #activations = new Map<bigint, string>()
    /** Executions whose last activation logged nothing. */
    readonly #quiet = new Set<string>()

    constructor(file: string | URL, options: workerThreads.WorkerOptions = {}) {
      const sdk = SDK_THREAD.test(String(file))
      if (sdk) super(GUARDED, { ...options, argv: [String(file)] })
      else super(file, options)
      this.#sdk = sdk
    }

    override postMessage(message: unknown, transfer?: never): void {
      if (!this.#sdk) {
        super.postMessage(message, transfer)
        return
      }
      const request = message as Request
      const { requestId, input } = request
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
      if (event !== 'message' || !this.#sdk) return super.emit(event, ...args)
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
  workerThreads.Worker = QuickWorker as typeof Worker
}
