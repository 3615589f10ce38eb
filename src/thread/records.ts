import type { JsonObject } from './json.ts'

/** Why a run ended. `suspended` is the reason of a pause on a stream, never stored as an end. */
export type Termination =
  | { type: 'natural_end' }
  | { type: 'stopped'; value: { code: StopCode; detail?: string } }
  | { type: 'cancelled' }
  | { type: 'blocked'; value?: string }
  | { type: 'error'; value: string }
  | { type: 'coalesced'; value: string }
  | { type: 'superseded'; value?: string }
export type StopCode = 'max_steps' | 'token_budget' | 'deadline'

export type RunStatus = 'created' | 'running' | 'waiting' | 'done'
export type DispatchStatus = 'queued' | 'claimed' | 'acked' | 'cancelled' | 'superseded' | 'dead_letter'

/** What a run may use: pinned with the agent, narrowed by the submit's overrides. Durations in ms. */
export type RunLimits = { max_steps: number; token_budget?: number; deadline_ms?: number }
export type RunOverrides = {
  model?: string
  max_steps?: number
  token_budget?: number
  deadline_ms?: number
  tools?: string[]
  response_format?: JsonObject
}

export type WaitingReason = 'tool_permission' | 'user_input' | 'external_event'
export type Ticket = {
  ticket_id: string
  tool_call_id: string
  tool_name: string
  arguments: unknown
  reason: WaitingReason
  created_at: number
  expires_at?: number
}
export type Usage = { input_tokens: number; output_tokens: number }

/** The record of one run; times in ms since the epoch (HTTP shows RFC 3339). Null stands for "not yet" or "none". */
export type RunRecord = {
  run_id: string
  thread_id: string
  agent_id: string
  agent_version: string | null
  parent_run_id: string | null
  retry_of: string | null
  dispatch_id: string
  status: RunStatus
  termination: Termination | null
  waiting: { reason: WaitingReason; tickets: Ticket[]; since: number } | null
  input: { trigger_message_ids: string[]; message_seq_from: number | null; message_seq_to: number | null }
  output: { message_ids: string[] }
  final_output: string | null
  error: { code: string; message: string } | null
  steps: number
  usage: Usage
  metadata: JsonObject | null
  overrides: RunOverrides | null
  transport_request_id: string | null
  created_at: number
  started_at: number | null
  finished_at: number | null
  updated_at: number
}

/** The scheduling record of a run's activation; times in ms. */
export type DispatchRecord = {
  dispatch_id: string
  thread_id: string
  run_id: string
  status: DispatchStatus
  dispatch_epoch: number
  attempt_count: number
  max_attempts: number
  available_at: number
  claimed_by: string | null
  last_error: string | null
  created_at: number
  updated_at: number
  completed_at: number | null
}
