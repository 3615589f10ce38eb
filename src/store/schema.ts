import type { ColumnType, Generated, Kysely, Transaction } from 'kysely'
import type { EventKind } from '../thread/event.ts'
import type { Json, JsonObject } from '../thread/json.ts'
import type { Content, MessageKind, Role, Visibility } from '../thread/message.ts'
import type { DispatchRecord, DispatchStatus, RunRecord, RunStatus, Ticket } from '../thread/records.ts'
import type { Lost } from '../thread/repair/facts.ts'
import type { Trace } from '../thread/repair/traced.ts'
import type { Made, Marks } from '../thread/repair/traces.ts'
import type { Reply } from '../thread/reply.ts'
import type { StoredSnapshot } from '../thread/packed.ts'
import type { PendingEntry } from '../thread/state.ts'
import type { ApiKeyRow } from './api-keys.ts'
import type { DeliveryRow, WebhookRow } from './webhook-store.ts'

/** The tables as src/store/migrations makes them. A JSON column is read as a value and written as JSON text. */
export type Tables = {
  'weft.threads': ThreadsTable
  'weft.events': EventsTable
  'weft.messages': MessagesTable
  'weft.pending': Owned & { pending_id: string; content: JsonColumn<Content> }
  'weft.runs': Owned & {
    run_id: string
    dispatch_id: string
    status: RunStatus
    created_at: number
    record: JsonColumn<RunRecord>
    marks: ColumnType<Marks, string | undefined, string>
    queued_seq: number | null
  }
  'weft.dispatches': Owned & {
    dispatch_id: string
    status: DispatchStatus
    created_at: number
    record: JsonColumn<DispatchRecord>
  }
  'weft.lineage': Owned & { source_thread_id: string; from_seq: number; to_seq: number }
  'weft.tickets': Owned & {
    run_id: string
    tool_call_id: string
    tool_name: string
    ticket_id: string
    agent_id: string | null
    created_at: number
    ticket: JsonColumn<Ticket>
  }
  'weft.staged': Owned & { run_id: string; step: number; attempt: number; part: string; value: JsonColumn<Json> }
  'weft.snapshots': Owned & { event_seq: number; snapshot: JsonColumn<StoredSnapshot> }
  'weft.commands': Owned & { command_id: string; body_hash: string; at: number; reply: JsonColumn<Reply> }
  'weft.api_keys': ApiKeysTable
  'weft.secrets': { name: string; value: string; created_at: number }
  'weft.webhooks': WebhookRow & { secret: string }
  'weft.webhook_deliveries': Omit<DeliveryRow, 'status' | 'attempts'> & {
    status: Generated<DeliveryRow['status']>
    attempts: Generated<number>
  }
  'weft.agent_versions': { version: string; agent_id: string; spec: JsonColumn<JsonObject> }
  'weft.lost': Owned & {
    what: Lost['what']
    from_seq: number
    to_seq: number
    ref: string
    kinds: JsonColumn<string[] | null>
    found_at: number
  }
  'weft.traces': Owned & { seq: number; event: JsonColumn<Trace> }
  'weft.migrations': { name: string; checksum: string; applied_at: number }
}

export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

type JsonColumn<T> = ColumnType<T, string, string>
type Owned = { tenant: string; thread_id: string }

type ThreadsTable = {
  tenant: string
  id: string
  title: string | null
  resource_id: string | null
  parent_thread_id: string | null
  forked_from_thread_id: string | null
  forked_at_seq: number | null
  custom: ColumnType<JsonObject, string | undefined, string>
  expires_after_s: number | null
  status: Generated<'idle' | 'running' | 'waiting'>
  agent_id: string | null
  active_run_id: string | null
  message_count: Generated<number>
  queue_revision: Generated<number>
  queue: ColumnType<PendingEntry[], string | undefined, string>
  queued: Generated<boolean>
  parked: Generated<boolean>
  epoch: Generated<number>
  last_seq: Generated<number>
  kept_from: Generated<number>
  created_at: number
  updated_at: number
  deleted_at: number | null
  forgotten_at: Generated<number | null>
}

type ApiKeysTable = Omit<ApiKeyRow, 'revoked_at' | 'revoked_by' | 'last_used_at'> & {
  hash: string
  revoked_at: Generated<number | null>
  revoked_by: Generated<string | null>
  last_used_at: Generated<number | null>
}

type EventsTable = Owned & {
  seq: number
  kind: EventKind
  run_id: string | null
  occurred_at: number
  hash: string
  visibility: 'public' | 'internal'
  correlation_id: string | null
  causation_id: string | null
  idempotency_key: string
  payload: JsonColumn<JsonObject>
}

type MessagesTable = Owned & {
  message_seq: number
  message_id: string
  run_id: string | null
  step: number | null
  role: Role
  content: JsonColumn<Content>
  message_kind: MessageKind
  visibility: Visibility
  interrupted: boolean
  metadata: JsonColumn<JsonObject | null>
  created_at: number
  read_by_step: number | null
  event_seq: number | null
  caused_by: string | null
  made: JsonColumn<Made | null>
}
