import type { LogEvent } from '../thread/envelope.ts'

/**
 * The live bus carries what must be fast and may be lost: deltas of a model step and word of newly stored events.
 * The log is the truth; whoever misses a frame reads the log again.
 */
export type LiveFrame =
  /**
   * New events are stored. `events` is left out where the bus cannot carry them; `last_seq` always tells how far.
   * `commands`: what was stored with them of the commands that began runs, by id, the hash of the body; within one
   * process.
   */
  | { type: 'events'; thread_id: string; last_seq: number; events?: LogEvent[]; commands?: ReadonlyMap<string, string> }
  /** An attempt of a model step begins. Sent again, followed by one cumulative delta of each kind, when `sync` asks for it. */
  | { type: 'step_start'; thread_id: string; run_id: string; step: number; attempt: number; message_id: string }
  /** Text or reasoning; `offset` counts UTF-16 units of this kind sent before it in this attempt. */
  | {
      type: 'delta'
      thread_id: string
      run_id: string
      step: number
      attempt: number
      kind: 'text' | 'reasoning'
      offset: number
      delta: string
    }
  | { type: 'tool_call_start'; thread_id: string; run_id: string; step: number; attempt: number; id: string; name: string }
  | {
      type: 'tool_call_delta'
      thread_id: string
      run_id: string
      step: number
      attempt: number
      id: string
      offset: number
      args_delta: string
    }
  /** A late joiner asks the process that runs the open step to send what it has streamed so far. */
  | { type: 'sync'; thread_id: string }
  /** From the bus itself to every subscriber: it was cut off, so frames may be missing. */
  | { type: 'missed'; thread_id: string }

export interface LiveBus {
  /** Never throws and never waits. */
  publish(tenant: string, frame: LiveFrame): void
  /** Frames of one thread, in the order of publication; returns the way to stop. */
  subscribe(tenant: string, thread_id: string, listener: (frame: LiveFrame) => void): () => void
  close(): Promise<void>
}
