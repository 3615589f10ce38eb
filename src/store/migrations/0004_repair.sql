-- What a repair goes by. A message knows the number of its event, what caused it and how a model came to it; a run
-- knows the numbers of its scheduling events and how its dispatch stood at each.
alter table weft.messages add column event_seq bigint, add column caused_by text, add column made json;
alter table weft.runs add column marks jsonb not null default '{}', add column queued_seq bigint;
-- The first number that retention has left in the thread's log.
alter table weft.threads add column kept_from bigint not null default 1;

update weft.messages m set event_seq = e.seq, caused_by = e.causation_id from weft.events e
where e.tenant = m.tenant and e.thread_id = m.thread_id and e.kind = 'MessageCommitted' and (e.payload ->> 'message_seq')::bigint = m.message_seq;
update weft.runs r set queued_seq = e.seq from weft.events e
where e.tenant = r.tenant and e.thread_id = r.thread_id and e.run_id = r.run_id and e.kind = 'RunQueued';

-- What a repair has not found again: numbers of events or messages, or the id of a run or of a pending message.
create table weft.lost (
  tenant text not null,
  thread_id text not null,
  what text not null,
  from_seq bigint not null,
  to_seq bigint not null,
  ref text not null,
  kinds json,
  found_at bigint not null,
  primary key (tenant, thread_id, what, from_seq, ref)
);

-- Events that no other row tells of, as the thread gave them (see src/thread/repair/traced.ts): the log's second copy.
create table weft.traces (
  tenant text not null,
  thread_id text not null,
  seq bigint not null,
  event json not null,
  primary key (tenant, thread_id, seq)
);

drop function weft.write_batch(text, text, bigint, bigint, bigint, bigint, json, json, json, json, json, json, json, json, json, json);

-- As before (see 0002), with the tickets that the batch closes and opens, and what the rows keep of their events. A row of
-- `closed` without a call closes every ticket of its run. A run has one end, and so has its dispatch: once stored it stays
-- as it is.
create function weft.write_batch(
  of_tenant text, of_thread text, new_epoch bigint, after_seq bigint, new_seq bigint, now_ms bigint,
  events json, messages json, runs json, dispatches json, ended json, delivered json, new_queue json, ledger json, summary json, snapshot json,
  closed json, opened json, traces json
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

  if traces is not null then
    insert into weft.traces (tenant, thread_id, seq, event)
    select of_tenant, of_thread, e.* from json_to_recordset(traces) as e (seq bigint, event json)
    on conflict (tenant, thread_id, seq) do update set event = excluded.event;
  end if;

  if messages is not null then
    insert into weft.messages (tenant, thread_id, message_seq, message_id, run_id, step, role, content, message_kind, visibility, interrupted, metadata, created_at, read_by_step, event_seq, caused_by, made)
    select of_tenant, of_thread, m.* from json_to_recordset(messages) as m (
      message_seq bigint, message_id text, run_id text, step integer, role text, content json, message_kind text, visibility text,
      interrupted boolean, metadata json, created_at bigint, read_by_step integer, event_seq bigint, caused_by text, made json);
  end if;

  if runs is not null then
    insert into weft.runs as r (tenant, thread_id, run_id, dispatch_id, status, created_at, record, marks, queued_seq)
    select of_tenant, of_thread, n.* from json_to_recordset(runs) as n (
      run_id text, dispatch_id text, status text, created_at bigint, record json, marks jsonb, queued_seq bigint)
    on conflict (tenant, thread_id, run_id) do update
      set dispatch_id = excluded.dispatch_id, status = excluded.status, record = excluded.record, marks = r.marks || excluded.marks
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
