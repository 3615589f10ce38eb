import {
  ActivityCancellationType,
  ActivityFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  TimeoutFailure,
} from '@temporalio/workflow'
import type { Effect } from '../src/thread/next.ts'
import type { Report, ThreadActivities } from '../src/thread/ports.ts'

/** A tool without a time limit of its own may take this long; heartbeats tell sooner when its worker is lost. */
const TOOL_TIMEOUT_MS = 24 * 60 * 60_000
const GRACE_MS = 30_000

/**
 * What the thread has under way. The core says what it wants; this starts what is missing, cancels what should stop,
 * and forgets what is no longer wanted: a late result then finds no taker.
 */
export class Effects {
  readonly #running = new Map<string, { scope: CancellationScope; cancelled: boolean }>()
  readonly #report: (report: Report) => void

  constructor(report: (report: Report) => void) {
    this.#report = report
  }

  get idle(): boolean {
    return this.#running.size === 0
  }

  /** Brings what runs in line with what is wanted. New effects begin only if `mayStart`. */
  reconcile(wanted: readonly Effect[], mayStart: boolean): void {
    this.cancelUnwanted(wanted)
    for (const effect of wanted) {
      if (this.#running.has(effect.key)) continue
      // It was to be stopped before it began: the same to the core as one that stopped at once.
      if (effect.cancel) this.#report(stoppedReport(effect))
      else if (mayStart) this.#start(effect)
    }
  }

  cancelUnwanted(wanted: readonly Effect[]): void {
    const byKey = new Map(wanted.map((effect) => [effect.key, effect]))
    for (const [key, running] of this.#running) {
      const effect = byKey.get(key)
      if (effect === undefined) this.#running.delete(key)
      if ((effect === undefined || effect.cancel) && !running.cancelled) {
        running.cancelled = true
        running.scope.cancel()
      }
    }
  }

  #start(effect: Effect): void {
    const scope = new CancellationScope({ cancellable: true })
    this.#running.set(effect.key, { scope, cancelled: false })
    void scope
      .run(() => execute(effect))
      .catch((error: unknown) => failureReport(effect, error))
      .then((report) => {
        this.#running.delete(effect.key)
        this.#report(report)
      })
  }
}

async function execute(effect: Effect): Promise<Report> {
  const activities = proxyActivities<ThreadActivities>({
    startToCloseTimeout: effect.type === 'tool' ? (effect.timeout_ms ?? TOOL_TIMEOUT_MS) + GRACE_MS : '2h',
    heartbeatTimeout: effect.heartbeat_timeout_ms,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    // The core decides on retries, so that each failed attempt is in the log.
    retry: { maximumAttempts: 1 },
    summary: effect.summary,
  })
  if (effect.type === 'model_step') return modelReport(effect, await activities.runModelStep(effect.input))
  return toolReport(effect, await activities.runTool(effect.input))
}

function modelReport(
  effect: Extract<Effect, { type: 'model_step' }>,
  result: Awaited<ReturnType<ThreadActivities['runModelStep']>>,
): Report {
  const { run_id, step, attempt } = effect.input
  return { type: 'model_done', run_id, step, attempt, result }
}

function toolReport(
  effect: Extract<Effect, { type: 'tool' }>,
  outcome: Awaited<ReturnType<ThreadActivities['runTool']>>,
): Report {
  const { run_id, step, tool_call_id, attempt } = effect.input
  return { type: 'tool_done', run_id, step, tool_call_id, attempt, outcome }
}

function stoppedReport(effect: Effect): Report {
  if (effect.type === 'tool') return toolReport(effect, { kind: 'cancelled' })
  return modelReport(effect, {
    kind: 'interrupted',
    has_text: false,
    model: '',
    usage: { input_tokens: 0, output_tokens: 0 },
    duration_ms: 0,
  })
}

/** An activity that did not come back with a value: cancelled, its worker lost, or a fault in our own code. */
function failureReport(effect: Effect, error: unknown): Report {
  if (isCancellation(error)) return stoppedReport(effect)
  const cause = error instanceof ActivityFailure ? error.cause : error
  const text = cause instanceof TimeoutFailure ? 'the worker was lost' : 'the step failed inside the worker'
  if (effect.type === 'tool') return toolReport(effect, { kind: 'lost', error: text })
  const code = cause instanceof TimeoutFailure ? 'worker_lost' : 'internal'
  return modelReport(effect, { kind: 'failed', retryable: true, code, error: text, retry_after_ms: null })
}
