-- A thread whose row was made by hand and that no workflow has loaded yet begins as one that is not there at all.
create or replace function weft.begin_thread(
  of_tenant text, of_thread text, new_epoch bigint, after_seq bigint, new_seq bigint, now_ms bigint,
  new_status text, new_agent text, new_active_run text, new_message_count bigint, new_queue_revision bigint, new_parked boolean,
  events json, messages json, runs json, dispatches json, ended text[], delivered json, new_queue json, ledger json, snapshot json,
  closed json, opened json, traces json
) returns boolean language plpgsql as $$
begin
  insert into weft.threads as t (tenant, id, epoch, created_at, updated_at)
  values (of_tenant, of_thread, new_epoch, now_ms, now_ms)
  on conflict (tenant, id) do update set epoch = excluded.epoch
  where t.epoch = 0 and t.last_seq = 0 and t.deleted_at is null;
  if not found then
    return false;
  end if;
  return weft.store_batch(
    of_tenant, of_thread, new_epoch, after_seq, new_seq, now_ms,
    new_status, new_agent, new_active_run, new_message_count, new_queue_revision, new_parked,
    events, messages, runs, dispatches, ended, delivered, new_queue, ledger, snapshot, closed, opened, traces);
end
$$;
