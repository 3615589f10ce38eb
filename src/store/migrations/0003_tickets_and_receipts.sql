-- The open tickets over all threads: a call that waits for somebody has a row, whether its run waits yet or other
-- calls of the step still work. A call has one open ticket at most.
create table weft.tickets (
  tenant text not null,
  thread_id text not null,
  run_id text not null,
  tool_call_id text not null,
  tool_name text not null,
  ticket_id text not null,
  agent_id text,
  created_at bigint not null,
  ticket json not null,
  primary key (tenant, thread_id, run_id, tool_call_id)
);
create index tickets_oldest on weft.tickets (tenant, created_at, ticket_id);
create index tickets_of_thread on weft.tickets (tenant, thread_id, created_at, ticket_id);

-- Tickets that are open already: asked for in a run that has not ended, with nothing that closes them after.
insert into weft.tickets (tenant, thread_id, run_id, tool_call_id, tool_name, ticket_id, agent_id, created_at, ticket)
select distinct on (e.tenant, e.thread_id, e.run_id, e.payload #>> '{ticket,tool_call_id}')
  e.tenant, e.thread_id, e.run_id, e.payload #>> '{ticket,tool_call_id}', e.payload #>> '{ticket,tool_name}',
  e.payload #>> '{ticket,ticket_id}', r.record ->> 'agent_id', (e.payload #>> '{ticket,created_at}')::bigint, e.payload -> 'ticket'
from weft.runs r
join weft.events e on e.tenant = r.tenant and e.thread_id = r.thread_id and e.run_id = r.run_id and e.kind = 'ToolPermissionRequested'
where r.status in ('running', 'waiting') and not exists (
  select 1 from weft.events c
  where c.tenant = e.tenant and c.thread_id = e.thread_id and c.run_id = e.run_id and c.seq > e.seq
    and c.kind in ('ToolPermissionResolved', 'ToolPermissionExpired', 'ToolCallDone', 'ToolCallCancelled')
    and c.payload ->> 'tool_call_id' = e.payload #>> '{ticket,tool_call_id}')
order by e.tenant, e.thread_id, e.run_id, e.payload #>> '{ticket,tool_call_id}', e.seq desc;

-- What became of a message is told by the events that bear its id in their key.
create index events_of_pending on weft.events (tenant, thread_id, idempotency_key)
where kind in ('PendingDelivered', 'PendingRetracted', 'PendingUndelivered');

-- Of a run's input: the step whose model call was the first to read it.
alter table weft.messages add column read_by_step integer;

-- Whether a thread has a queue and whether that is parked. One that is not goes on by itself, as at the end of a hold,
-- so its workflow must be there although no run is open.
alter table weft.threads add column queued boolean not null default false;
alter table weft.threads add column parked boolean not null default false;
update weft.threads t set queued = true,
  parked = coalesce((select (s.snapshot ->> 'parked')::boolean from weft.snapshots s where s.tenant = t.tenant and s.thread_id = t.id), false)
where json_array_length(t.queue) > 0;
drop index weft.threads_sweep;
create index threads_sweep on weft.threads (updated_at, tenant, id) where status <> 'idle' or (queued and not parked);

drop function weft.write_batch(text, text, bigint, bigint, bigint, bigint, json, json, json, json, json, json, json, json, json, json);

-- As before (see 0002), with the tickets that the batch closes and opens. A row of `closed` without a call closes
-- every ticket of its run. A run has one end, and so has its dispatch: once stored it stays as it is.
create function weft.write_batch(
  of_tenant text, of_thread text, new_epoch bigint, after_seq bigint, new_seq bigint, now_ms bigint,
  events json, messages json, runs json, dispatches json, ended json, delivered json, new_queue json, ledger json, summary json, snapshot json,
  closed json, opened json
) returns boolean language plpgsql as $$
begin
  perform 1 from weft.threads t
  where t.tenant = of_tenant and t.id = of_thread and t.deleted_at is null and t.epoch <= new_epoch and t.last_seq = after_seq for update;
  if not found then
    return false;
  end if;

  insert into weft.events (tenant, thread_id, seq, kind, run_id, occurred_at, hash, visibility, correlation_id, causation_id, idempotency_key, payload)
  select of_tenant, of_thread, e.* from json_to_recordset(events) as e (
    seq bigint, kind text, run_id text, occurred_at bigint, hash text, visibility text, correlation_id text, causation_id text,
    idempotency_key text, payload json);

  if messages is not null then
    insert into weft.messages (tenant, thread_id, message_seq, message_id, run_id, step, role, content, message_kind, visibility, interrupted, metadata, created_at, read_by_step)
    select of_tenant, of_thread, m.* from json_to_recordset(messages) as m (
      message_seq bigint, message_id text, run_id text, step integer, role text, content json, message_kind text, visibility text,
      interrupted boolean, metadata json, created_at bigint, read_by_step integer);
  end if;

  if runs is not null then
    insert into weft.runs as r (tenant, thread_id, run_id, dispatch_id, status, created_at, record)
    select of_tenant, of_thread, n.* from json_to_recordset(runs) as n (run_id text, dispatch_id text, status text, created_at bigint, record json)
    on conflict (tenant, thread_id, run_id) do update
      set dispatch_id = excluded.dispatch_id, status = excluded.status, record = excluded.record
      where r.status <> 'done';
    insert into weft.dispatches as d (tenant, thread_id, dispatch_id, status, created_at, record)
    select of_tenant, of_thread, n.* from json_to_recordset(dispatches) as n (dispatch_id text, status text, created_at bigint, record json)
    on conflict (tenant, thread_id, dispatch_id) do update set status = excluded.status, record = excluded.record
      where d.status in ('queued', 'claimed');
  end if;

  if ended is not null then
    delete from weft.staged s where s.tenant = of_tenant and s.thread_id = of_thread and s.run_id in (select json_array_elements_text(ended));
  end if;

  if delivered is not null then
    insert into weft.pending (tenant, thread_id, pending_id, content)
    select of_tenant, of_thread, n.* from json_to_recordset(delivered) as n (pending_id text, content json)
    on conflict (tenant, thread_id, pending_id) do update set content = excluded.content;
  end if;

  if new_queue is not null then
    delete from weft.pending p where p.tenant = of_tenant and p.thread_id = of_thread
      and p.pending_id not in (select entry ->> 'pending_id' from json_array_elements(new_queue) as entry);
    update weft.threads t set queue = new_queue, queued = json_array_length(new_queue) > 0 where t.tenant = of_tenant and t.id = of_thread;
  end if;

  -- First those that are closed: a call may have had one ticket and have another by the end of the batch.
  if closed is not null then
    delete from weft.tickets t using json_to_recordset(closed) as c (run_id text, tool_call_id text)
    where t.tenant = of_tenant and t.thread_id = of_thread and t.run_id = c.run_id and (c.tool_call_id is null or t.tool_call_id = c.tool_call_id);
  end if;
  if opened is not null then
    insert into weft.tickets (tenant, thread_id, run_id, tool_call_id, tool_name, ticket_id, agent_id, created_at, ticket)
    select of_tenant, of_thread, o.* from json_to_recordset(opened) as o (
      run_id text, tool_call_id text, tool_name text, ticket_id text, agent_id text, created_at bigint, ticket json)
    on conflict (tenant, thread_id, run_id, tool_call_id) do update
      set ticket_id = excluded.ticket_id, created_at = excluded.created_at, ticket = excluded.ticket;
  end if;

  if ledger is not null then
    perform weft.write_ledger(of_tenant, of_thread, ledger);
  end if;

  insert into weft.snapshots as s (tenant, thread_id, event_seq, snapshot) values (of_tenant, of_thread, new_seq, snapshot)
  on conflict (tenant, thread_id) do update set event_seq = excluded.event_seq, snapshot = excluded.snapshot;

  update weft.threads t set epoch = new_epoch, last_seq = new_seq, updated_at = greatest(t.updated_at, now_ms),
    status = summary ->> 'status', agent_id = summary ->> 'agent_id', active_run_id = summary ->> 'active_run_id',
    message_count = (summary ->> 'message_count')::bigint, queue_revision = (summary ->> 'queue_revision')::bigint,
    parked = coalesce((snapshot ->> 'parked')::boolean, false)
  where t.tenant = of_tenant and t.id = of_thread;
  return true;
end
$$;
