-- Everything is keyed by tenant first. Times are ms since the epoch. A deleted thread keeps its row as a tombstone.
create table weft.threads (
  tenant text not null,
  id text not null,
  title text,
  resource_id text,
  parent_thread_id text,
  custom json not null default '{}',
  status text not null default 'idle',
  agent_id text,
  active_run_id text,
  message_count bigint not null default 0,
  queue_revision bigint not null default 0,
  -- The pending entries in order; their content has rows of its own, which a reordering does not touch.
  queue json not null default '[]',
  epoch bigint not null default 0,
  last_seq bigint not null default 0,
  created_at bigint not null,
  updated_at bigint not null,
  deleted_at bigint,
  primary key (tenant, id)
);
create index threads_newest on weft.threads (tenant, updated_at desc, id desc) where deleted_at is null;
create index threads_by_resource on weft.threads (tenant, resource_id, updated_at desc, id desc) where resource_id is not null;
create index threads_by_parent on weft.threads (tenant, parent_thread_id, updated_at desc, id desc) where parent_thread_id is not null;
create index threads_open on weft.threads (tenant, status, updated_at desc, id desc) where status <> 'idle';
create index threads_sweep on weft.threads (updated_at, tenant, id) where status <> 'idle';

create table weft.events (
  tenant text not null,
  thread_id text not null,
  seq bigint not null,
  kind text not null,
  run_id text,
  occurred_at bigint not null,
  -- sha256 of the event as the thread gave it, before its references were resolved.
  hash text not null,
  visibility text not null,
  correlation_id text,
  causation_id text,
  idempotency_key text not null,
  payload json not null,
  primary key (tenant, thread_id, seq)
);
create index events_by_run on weft.events (tenant, thread_id, run_id, seq) where run_id is not null;

create table weft.messages (
  tenant text not null,
  thread_id text not null,
  message_seq bigint not null,
  message_id text not null,
  run_id text,
  step integer,
  role text not null,
  content json not null,
  message_kind text not null,
  visibility text not null,
  interrupted boolean not null,
  metadata json,
  created_at bigint not null,
  primary key (tenant, thread_id, message_seq)
);
create index messages_by_id on weft.messages (tenant, thread_id, message_id);
create index messages_by_run on weft.messages (tenant, thread_id, run_id, message_seq) where run_id is not null;

create table weft.pending (
  tenant text not null,
  thread_id text not null,
  pending_id text not null,
  content json not null,
  primary key (tenant, thread_id, pending_id)
);

-- A run id is unique in its thread: ids that follow from a client's message id may come up in two threads.
create table weft.runs (
  tenant text not null,
  thread_id text not null,
  run_id text not null,
  dispatch_id text not null,
  status text not null,
  created_at bigint not null,
  record json not null,
  primary key (tenant, thread_id, run_id)
);
create index runs_by_id on weft.runs (tenant, run_id);
create index runs_by_dispatch on weft.runs (tenant, dispatch_id);
create index runs_newest on weft.runs (tenant, created_at desc, run_id desc);
create index runs_of_thread on weft.runs (tenant, thread_id, created_at desc, run_id desc);
create index runs_open on weft.runs (tenant, status, created_at desc, run_id desc) where status <> 'done';

create table weft.dispatches (
  tenant text not null,
  thread_id text not null,
  dispatch_id text not null,
  status text not null,
  created_at bigint not null,
  record json not null,
  primary key (tenant, thread_id, dispatch_id)
);
create index dispatches_newest on weft.dispatches (tenant, created_at desc, dispatch_id desc);
create index dispatches_of_thread on weft.dispatches (tenant, thread_id, created_at desc, dispatch_id desc);
create index dispatches_by_status on weft.dispatches (tenant, status, created_at desc, dispatch_id desc) where status <> 'acked';

create table weft.staged (
  tenant text not null,
  thread_id text not null,
  run_id text not null,
  step integer not null,
  attempt integer not null,
  part text not null,
  value json not null,
  primary key (tenant, thread_id, run_id, step, attempt, part)
);

create table weft.snapshots (
  tenant text not null,
  thread_id text not null,
  event_seq bigint not null,
  snapshot json not null,
  primary key (tenant, thread_id)
);

create table weft.commands (
  tenant text not null,
  thread_id text not null,
  command_id text not null,
  body_hash text not null,
  at bigint not null,
  reply json not null,
  primary key (tenant, thread_id, command_id)
);
create index commands_newest on weft.commands (tenant, thread_id, at desc, command_id);

create table weft.agent_versions (
  version text primary key,
  agent_id text not null,
  spec json not null
);
