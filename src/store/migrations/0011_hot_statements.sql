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

-- What a thread's workflow begins with, in one call: makes the thread's row, or takes its lock and the next epoch, and
-- reads what the row's last writer has stored by then. All null for a tombstone. `ledger`: the newest entries first.
create function weft.load_thread(
  of_tenant text, of_thread text, known_epoch bigint, now_ms bigint, since_ms bigint, most integer,
  out epoch bigint, out last_seq bigint, out snapshot json, out ledger json
) language plpgsql as $$
begin
  insert into weft.threads as t (tenant, id, epoch, created_at, updated_at)
  values (of_tenant, of_thread, known_epoch + 1, now_ms, now_ms)
  on conflict (tenant, id) do update set epoch = greatest(t.epoch, known_epoch) + 1 where t.deleted_at is null
  returning t.epoch, t.last_seq into epoch, last_seq;
  if not found then
    return;
  end if;
  -- Statements of their own, which see what was committed while the first one waited for the lock.
  select s.snapshot into snapshot from weft.snapshots s where s.tenant = of_tenant and s.thread_id = of_thread;
  select json_agg(n) into ledger from (
    select c.command_id, c.body_hash, c.at, c.reply from weft.commands c
    where c.tenant = of_tenant and c.thread_id = of_thread and c.at >= since_ms
    order by c.at desc, c.command_id desc limit most
  ) n;
end
$$;

-- As before (see 0006), but where nobody wants to be told, the deliveries with all their indexes are left alone.
create or replace function weft.note_webhooks() returns trigger language plpgsql as $$
declare
  now_ms bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
begin
  -- An event that is written again long after it happened, by a repair say, is no news.
  if new.occurred_at < now_ms - 604800000 then return null; end if;
  perform 1 from weft.webhooks w where w.tenant = new.tenant and w.disabled_at is null;
  if not found then return null; end if;
  insert into weft.webhook_deliveries
    (webhook_id, tenant, delivery_id, thread_id, run_id, seq, kind, next_at, created_at, updated_at)
  select w.id, new.tenant, new.thread_id || '/' || new.idempotency_key || '/' || new.occurred_at, new.thread_id, new.run_id, new.seq, new.kind,
    now_ms, now_ms, now_ms
  from weft.webhooks w where w.tenant = new.tenant and w.disabled_at is null and new.kind = any (w.kinds)
    -- What was before it is not its affair, when a repair writes it again; clocks may differ by a little.
    and w.created_at <= new.occurred_at + 60000
  on conflict do nothing;
  return null;
end $$;

-- Whoever names a run or a dispatch mostly names no thread: in this order the key serves both, and what lists a thread's
-- goes by its own index. So a run's row is in two indexes less.
alter table weft.runs drop constraint runs_pkey;
alter table weft.runs add primary key (tenant, run_id, thread_id);
drop index weft.runs_by_id;
alter table weft.dispatches drop constraint dispatches_pkey;
alter table weft.dispatches add primary key (tenant, dispatch_id, thread_id);
drop index weft.runs_by_dispatch;
