import type { Command } from '../thread/command.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { ReconcileStatus } from '../thread/repair/ports.ts'
import type { Answer } from '../thread/reply.ts'

/**
 * An answer as it came back. `repeated`: the command was sent more than once. An earlier try may have been applied and
 * stored by a worker that died with the task; the task that does it again can see other input before the command and
 * answer otherwise, and what is stored is what holds. `delivery_id`: what the thread knows a command by that has no id.
 */
export type Delivered = Answer & { repeated?: boolean; delivery_id?: string }

export type Sending = {
  /**
   * No other delivery's; the log names it as the cause of what the command does, if neither a command id nor what the
   * command names is one.
   */
  delivery_id?: string | undefined
  /** Nothing had come to the thread a moment ago: its first run can be stored before its workflow is started. */
  new_thread?: boolean
}

/**
 * The way from any protocol to a thread. It hides whether the thread's workflow runs, has closed or never was, and
 * everything that is ambiguous about sending to it: a command with an id is applied once, however often it is sent.
 */
export interface ThreadGateway {
  /**
   * Sends one command and waits for its answer. `submit` and `wake` start the workflow where it is not running, the
   * others too (the caller has looked into the store that the thread exists). Throws `ThreadUnavailable` when no
   * answer came within the deadline; whether the command was applied is then unknown, and a repeat with the same
   * `command_id` is safe.
   */
  send(ref: ThreadRef, command: Command, options?: Sending): Promise<Delivered>
  /** Ends the workflow of a deleted thread, if it runs. */
  terminate(ref: ThreadRef, reason: string): Promise<void>
  /** Has the engine delete all that it keeps of a deleted thread. What it does not now, a worker sees to later. */
  forget(ref: ThreadRef): Promise<void>
  /** `<tenant>/<thread_id>`. */
  workflowId(ref: ThreadRef): string
  /** Whether Temporal answers, for /health. */
  ping(): Promise<void>
}

/** Starts repairs and tells what became of them (see docs/reconcile.md). */
export interface Reconciler {
  /** A tenant has one repair at a time: `already_running` gives the one that is under way instead of another. */
  start(tenant: string, thread_id?: string): Promise<{ id: string; already_running: boolean }>
  /** Null for an id that is not, or not any more, known. */
  status(tenant: string, id: string): Promise<ReconcileStatus | null>
}

/** No answer from Temporal or from a worker in time. `retry_after_ms` is a hint for Retry-After. */
export class ThreadUnavailable extends Error {
  override readonly name = 'ThreadUnavailable'
  readonly retry_after_ms: number
  constructor(message: string, options: { retry_after_ms?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.retry_after_ms = options.retry_after_ms ?? 1000
  }
}
