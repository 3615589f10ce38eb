-- Everything a batch implies, in one call: its statements are planned once a connection, where planning them each
-- time would cost more than running them does. False, and nothing is written, unless the thread lives, no later life
-- has it, and its log ends at `after_seq`. An argument that is null has nothing to write.
create function weft.write_batch(
  of_tenant text, of_thread text, new_epoch bigint, after_seq bigint, new_seq bigint, now_ms bigint,
  events json, messages json, runs json, dispatches json, ended json, delivered json, new_queue json, ledger json, summary json, snapshot json
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
    insert into weft.messages (tenant, thread_id, message_seq, message_id, run_id, step, role, content, message_kind, visibility, interrupted, metadata, created_at)
    select of_tenant, of_thread, m.* from json_to_recordset(messages) as m (
      message_seq bigint, message_id text, run_id text, step integer, role text, content json, message_kind text, visibility text,
      interrupted boolean, metadata json, created_at bigint);
  end if;

  if runs is not null then
    insert into weft.runs as r (tenant, thread_id, run_id, dispatch_id, status, created_at, record)
    select of_tenant, of_thread, n.* from json_to_recordset(runs) as n (run_id text, dispatch_id text, status text, created_at bigint, record json)
    on conflict (tenant, thread_id, run_id) do update
      set dispatch_id = excluded.dispatch_id, status = excluded.status, record = excluded.record;
    insert into weft.dispatches as d (tenant, thread_id, dispatch_id, status, created_at, record)
    select of_tenant, of_thread, n.* from json_to_recordset(dispatches) as n (dispatch_id text, status text, created_at bigint, record json)
    on conflict (tenant, thread_id, dispatch_id) do update set status = excluded.status, record = excluded.record;
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
    update weft.threads t set queue = new_queue where t.tenant = of_tenant and t.id = of_thread;
  end if;

  if ledger is not null then
    perform weft.write_ledger(of_tenant, of_thread, ledger);
  end if;

  insert into weft.snapshots as s (tenant, thread_id, event_seq, snapshot) values (of_tenant, of_thread, new_seq, snapshot)
  on conflict (tenant, thread_id) do update set event_seq = excluded.event_seq, snapshot = excluded.snapshot;

  update weft.threads t set epoch = new_epoch, last_seq = new_seq, updated_at = greatest(t.updated_at, now_ms),
    status = summary ->> 'status', agent_id = summary ->> 'agent_id', active_run_id = summary ->> 'active_run_id',
    message_count = (summary ->> 'message_count')::bigint, queue_revision = (summary ->> 'queue_revision')::bigint
  where t.tenant = of_tenant and t.id = of_thread;
  return true;
end
$$;

create function weft.write_ledger(of_tenant text, of_thread text, ledger json) returns void language plpgsql as $$
begin
  insert into weft.commands (tenant, thread_id, command_id, body_hash, at, reply)
  select of_tenant, of_thread, c.* from json_to_recordset(ledger) as c (command_id text, body_hash text, at bigint, reply json)
  on conflict (tenant, thread_id, command_id) do nothing;
end
$$;
