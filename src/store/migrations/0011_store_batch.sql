-- As weft.write_batch (see 0002 and 0004) with fewer statements: the thread's row is looked at and written at once, what
-- it says comes as values, and nobody is asked for what cannot be there. weft.write_batch stays for processes of the
-- version before, which serve until they are replaced.
create function weft.store_batch(
  of_tenant text, of_thread text, new_epoch bigint, after_seq bigint, new_seq bigint, now_ms bigint,
  new_status text, new_agent text, new_active_run text, new_message_count bigint, new_queue_revision bigint, new_parked boolean,
  events json, messages json, runs json, dispatches json, ended text[], delivered json, new_queue json, ledger json, snapshot json,
  closed json, opened json, traces json
) returns boolean language plpgsql as $$
begin
  -- Takes the row's lock too. What fails below takes it all back.
  update weft.threads t set epoch = new_epoch, last_seq = new_seq, updated_at = greatest(t.updated_at, now_ms),
    status = new_status, agent_id = new_agent, active_run_id = new_active_run, message_count = new_message_count,
    queue_revision = new_queue_revision, parked = coalesce(new_parked, false),
    queue = coalesce(new_queue, t.queue), queued = coalesce(json_array_length(new_queue) > 0, t.queued)
  where t.tenant = of_tenant and t.id = of_thread and t.deleted_at is null and t.epoch <= new_epoch and t.last_seq = after_seq;
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
    delete from weft.staged s where s.tenant = of_tenant and s.thread_id = of_thread and s.run_id = any (ended);
  end if;

  if delivered is not null then
    insert into weft.pending (tenant, thread_id, pending_id, content)
    select of_tenant, of_thread, n.* from json_to_recordset(delivered) as n (pending_id text, content json)
    on conflict (tenant, thread_id, pending_id) do update set content = excluded.content;
  end if;

  if json_array_length(new_queue) > 0 then
    delete from weft.pending p where p.tenant = of_tenant and p.thread_id = of_thread
      and p.pending_id not in (select entry ->> 'pending_id' from json_array_elements(new_queue) as entry);
  elsif new_queue is not null then
    delete from weft.pending p where p.tenant = of_tenant and p.thread_id = of_thread;
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

  -- Each command once; what was applied replaces what was refused (see 0010).
  if ledger is not null then
    insert into weft.commands as known (tenant, thread_id, command_id, body_hash, at, reply)
    select of_tenant, of_thread, c.* from json_to_recordset(ledger) as c (command_id text, body_hash text, at bigint, reply json)
    on conflict (tenant, thread_id, command_id) do update
      set body_hash = excluded.body_hash, at = excluded.at, reply = excluded.reply
      where known.reply ->> 'ok' = 'false' and excluded.reply ->> 'ok' = 'true';
  end if;

  insert into weft.snapshots as s (tenant, thread_id, event_seq, snapshot) values (of_tenant, of_thread, new_seq, snapshot)
  on conflict (tenant, thread_id) do update set event_seq = excluded.event_seq, snapshot = excluded.snapshot;
  return true;
end
$$;
